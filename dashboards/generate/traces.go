package generate

// hostTraces are what an intruder leaves: files, what starts by itself, and
// whom it speaks to.
func (h house) hostTraces() []panel {
	return []panel{
		h.table("Suspicious files", "Programs and scripts in the watched directories. Orange: it runs, hides, bears a miner's name or is a program, where none belongs; if a suspect runs it, it is in the table of suspects. Blue: a script. Find out who put it there (user, time), stop what made it, then remove it.", 14, rowsHigh(4),
			[]column{
				col("instance", "Host", 0), col("path", "Path", 0),
				col("reason", "Reason", 110, mapped(fileReasons()), background()),
				col("user", "User", 80), col("sha256", "SHA-256 begins", 125, h.toSuspect()),
				col("Value #B", "Modified", 130, unit("dateTimeFromNow")),
			},
			cells(h.by("max", "job, instance, path, reason, user, sha256", h.metric("suspicious_file_info"))),
			cells(h.by("max", "job, instance, path", h.metric("suspicious_file_modified_timestamp_seconds"))+" * 1000")),
		graph("Files by reason", "Suspicious files over time. A step that comes with a suspect is its dropper at work. Orange: known_miner, a file with the name or content of a miner.", 10,
			lines(h.by("sum", "directory, reason", h.metric("suspicious_files"))+" > 0", "{{directory}} ({{reason}})")).high(rowsHigh(4)).paint(paint("known_miner", warning)),
		h.table("What starts by itself", "Crontabs, units and start-up files that fetch and run something, run it from a temporary or hidden place, or start a suspect. Remove the entry before the miner, or it comes back.", 8, 7,
			[]column{col("instance", "Host", 0), col("kind", "Kind", 100), col("path", "Path", 0), col("reason", "Reason", 110)},
			cells(h.by("max", "job, instance, kind, path, reason", h.metric("persistence_info")))),
		graph("Changes to what starts by itself", "Entries that were added, changed or removed. Upgrades do that too; what matters is a change that nobody made, at the time of a suspect's first start.", 8,
			lines(h.by("sum", "kind, change", h.increase("persistence_changes_total"))+" > 0", "{{kind}} {{change}}")).bars(),
		graph("Connections to mining pools", "Programs that are connected to a pool: by the list of the configuration or by a port that pools use (orange), or by behaviour alone, which is weak (blue). Orange: `cryptojack_exporter scan` names the program.", 8,
			lines(h.by("sum", "match", h.metric("pool_connections")), "{{match}}")).
			paint(paint("^host", warning), paint("^port", "dark-orange"), paint("^stratum", info)),
	}
}

func fileReasons() object {
	return words(word{"known_miner", "known_miner", warning}, word{"running", "running", warning}, word{"hidden", "hidden", warning}, word{"elf", "elf", warning}, word{"script", "script", info})
}

func (h house) hostCoverage() []panel {
	sensors := paintNeutral("process", "files", "sockets", "persistence", "services", "findings", "config", "self")
	return []panel{
		graph("Visibility", "The share of processes, directories and socket tables that could be read. Below the dashed line at 80 % it counts as blind: run as root, or give CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_NET_ADMIN.", 8,
			lines(h.by("min", "aspect", h.metric("visibility_ratio")), "{{aspect}}")).unit("percentunit").set("max", 1).
			set("thresholds", visible()).custom("thresholdsStyle", object{"mode": "dashed"}).
			paint(paintNeutral("stat", "exe", "fd", "cgroup", "temp", "netns", "persistence", "flink_log", "container", "host")...),
		graph("Age of the last sample", "How long ago each sensor looked. A line that grows without end: the sensor is stuck, and what it says is old; restart the exporter and send its log to its authors.", 8,
			lines(h.by("max", "sensor", "time() - "+h.metric("last_sample_timestamp_seconds")), "{{sensor}}")).unit("s").paint(sensors...),
		graph("Events lost", "Events of the kernel that came faster than they were read, each second. Above 0 for long: short processes are missed, perhaps on purpose; look at the starts by origin.", 8,
			lines(h.by("sum", "source", h.rate("events_lost_total")), "{{source}}")).set("color", fixed(unseen)).custom("fillOpacity", 30),
		graph("Read errors", "What could not be read, each second. vanished is harmless: a process ended while it was looked at. permission: see Visibility.", 8,
			lines(h.by("sum", "aspect, reason", h.rate("read_errors_total"))+" > 0", "{{aspect}} ({{reason}})")),
		graph("Duration of a sample", "Mean time that a look takes. The process sensor looks less often where it takes long, so that it stays below its CPU budget; far above 1 s it sees less.", 8,
			lines(h.by("sum", "sensor", h.rate("sample_duration_seconds_sum"))+" / "+h.by("sum", "sensor", h.rate("sample_duration_seconds_count")), "{{sensor}}")).unit("s").paint(sensors...),
		graph("Findings", "What is active, by rule. Red is critical, orange a warning, blue for information: to be looked at, no alarm.", 8,
			lines(h.by("sum", "rule, severity", h.metric("findings"))+" > 0", "{{rule}} ({{severity}})")).
			paint(paint("critical", critical), paint("warning", warning), paint("info", info)),
	}
}
