package generate

// oneHost asks: what mines here, who restarts it, how did it get in?
func (h house) oneHost() dashboard {
	notes := []object{
		alerts("Critical alerts", critical, h.firing("critical", h.hosts()), "{{instance}}"),
		alerts("Warnings", warning, h.firing("warning", h.hosts()), "{{instance}}"),
	}
	panels := []panel{row("Is something mining here?")}
	panels = append(panels, h.hostNumbers()...)
	panels = append(panels, h.hostSuspects(), row("Who uses the CPU?"))
	panels = append(panels, h.hostCPU()...)
	panels = append(panels, row("Who restarts it?"))
	panels = append(panels, h.hostRespawns()...)
	panels = append(panels, row("How did it get in?"))
	panels = append(panels, h.hostExposed()...)
	panels = append(panels, row("What did it leave?"))
	panels = append(panels, h.hostTraces()...)
	panels = append(panels, row("Can the answer be trusted?"))
	panels = append(panels, h.hostCoverage()...)
	return h.build("cryptojack-host", "Cryptojack / Host", "What mines here, who restarts it, how did it get in?", nil, notes, panels...)
}

func (h house) hostNumbers() []panel {
	return []panel{
		number("Verdict", "The worst verdict about a running program. Red: a miner; run `cryptojack_exporter scan` on the host, it lists what to stop first. Orange: one sign of a miner, look within the day. Grey: no data, or less than 80 % could be read; no good news.", 4,
			verdictThresholds(), "max("+h.verdict("job, instance")+")").set("mappings", []object{verdicts(), noData()}),
		number("Under suspicion", "Programs under suspicion. Orange: see the table below, and open each. Grey: no data.", 3,
			orangeFrom(1), "sum("+h.metric("suspects", `severity=~"critical|warning"`)+")"),
		number("CPU of suspects", "Cores that suspects use. Red from half a core: whoever is suspected and burns is mining. Orange: little, it may hold back. Grey: no data.", 3,
			thresholds(step{0, fine}, step{0.05, warning}, step{0.5, critical}),
			"sum("+h.rate("suspect_cpu_seconds_total")+") or 0 * sum("+h.metric("suspects")+")").set("decimals", 1),
		number("Respawns", "Programs from where none belong (temp, memfd, deleted, web) that came back in the shown time. Red from 3: something restarts them, find the guardian below. Orange: once may be a restart by hand. Grey: no data.", 3,
			orangeRedFrom(1, 3), "round(sum("+h.total("origin_respawns_total", suspiciousOrigins)+"))"),
		number("Open to anybody", "Services that let anybody in who reaches them and give him programs to run. Red: close them now, see the exposed services below. Grey: no data.", 3,
			redFrom(1), "sum("+h.metric("findings", `rule="exposed_service"`, `severity="critical"`)+")"),
		number("Exposed", "Services that miners enter by, that others reach, and that ask for no password, or did not answer when asked. Orange: bind them to 127.0.0.1 or let them ask for a password. Grey: no data.", 3,
			orangeFrom(1), "sum("+h.metric("findings", `rule="exposed_service"`, `severity="warning"`)+")"),
		number("Programs in temp", "Programs in the watched directories: those that run, that hide, that bear a miner's name, and other ELF files. Orange: see the table of files. Grey: no data.", 3,
			orangeFrom(1), "sum("+h.metric("suspicious_files", `reason=~"running|known_miner|hidden|elf"`)+")"),
		number("Visible", "The least share that could be read, over all aspects. Grey, below 80 %: the exporter lacks permissions and may miss a miner, see the last row. Blue: little is missing.", 2,
			visible(), "min("+h.metric("visibility_ratio")+")").unit("percentunit"),
	}
}

func (h house) hostSuspects() panel {
	return h.suspectDetails("Suspects", "One line for each program under suspicion, known by its content: it keeps its line when it is restarted or renamed. Orange: one sign of a miner, find out whose it is. Red: a miner. Stop the guardian (what restarts it) first, then the process, then remove the files and close the entry (the service that it came in by); a click on the program shows the steps.", 3,
		[]column{col("suspect", "Program", 115, h.toSuspect()), col("instance", "Host", 0)})
}

// suspectDetails shows of each suspect on each host what a person needs to act.
func (h house) suspectDetails(title, description string, rows int, first []column, matchers ...string) panel {
	key := "job, instance, suspect"
	about := func(name string) string { return h.metric("suspect_"+name, matchers...) }
	return h.table(title, description, everyRow, rowsHigh(rows),
		append(first,
			col("severity", "Verdict", 85, mapped(severities()), background()),
			col("exe", "Path", 0),
			col("Value #B", "pid", 80, unit("none")),
			col("user", "User", 80),
			col("Value #C", "Cores", 70, decimals(2)),
			col("Value #D", "Respawns", 90, decimals(0)),
			col("guardian", "Guardian", 0),
			col("Value #F", "Guardian's pid", 100, unit("none")),
			col("relation", "Relation", 85),
			col("app", "Entry", 75),
			col("process", "Entry's program", 0),
			col("port", "Port", 65, unit("none")),
			col("rule", "Strongest sign", 0),
			col("unit", "Unit", 0),
			col("container_name", "Container", 0),
			col("kube_namespace", "Namespace", 0),
			col("kube_pod", "Pod", 0),
			col("image", "Image", 0),
			col("container_id", "Container's id", 0),
			col("Value #H", "First seen", 120, unit("dateTimeFromNow")),
		),
		cells(h.one(key, h.by("max", key+", severity, rule, comm, exe, user, unit, container_id", about("info")))),
		cells(h.by("max", key, about("pid"))),
		cells(h.by("sum", key, h.rate("suspect_cpu_seconds_total", matchers...))),
		cells(h.by("sum", key, h.total("suspect_respawns_total", matchers...))),
		cells(h.one(key, h.by("max", key+", guardian, relation", relabel(about("guardian_info"), "guardian", "exe", "(.*)")))),
		cells(h.by("max", key, about("guardian_pid"))),
		cells(h.one(key, h.by("max", key+", app, process, port", about("entry_info")))),
		cells(h.by("min", key, about("first_seen_timestamp_seconds"))+" * 1000"),
		cells(h.one(key, h.by("max", key+", container_name, kube_namespace, kube_pod, image", about("container_info")))),
	).sorted("Cores")
}

// unsuspected is the CPU use of the process groups that are no suspect. The group of
// a program in temp or memory ends in six digits of its content's hash, with which
// the suspect's name begins; the group of an installed program has the file's name.
func (h house) unsuspected() string {
	groups := h.by("sum", "job, instance, process, origin, user", h.rate("process_cpu_seconds_total"))
	byHash := relabel(h.metric("suspect_info"), "hash", "suspect", "(.{6}).*")
	byName := relabel(h.metric("suspect_info", `origin=~"system|local|home|web"`), "process", "exe", "(?:.*/)?([^/]+)")
	return relabel(groups, "hash", "process", ".*#([0-9a-f]{6})") +
		" unless " + h.on("job, instance, hash") + " " + byHash +
		" unless " + h.on("job, instance, process, origin") + " " + byName
}

func (h house) hostCPU() []panel {
	return []panel{
		graph("CPU by process", "Cores that programs use: suspects in red, the ten largest others from blue to purple; the grey line is what the machine has. Red that fills it: stop the guardian first. What is large and not red is work without any evidence against it.", everyRow,
			lines(h.by("sum", "comm, suspect", h.named(h.rate("suspect_cpu_seconds_total"), "comm")), "suspect: {{comm}} ({{suspect}})"),
			lines("topk(10, "+h.by("sum", "process, origin, user", h.unsuspected())+")", "{{process}} {{origin}} {{user}}"),
			lines("sum("+h.metric("cpus")+")", "cores of the machine")).stacked().high(8).
			paint(paintQuery("A", critical), paintQuery("C", unseen,
				object{"id": "custom.stacking", "value": object{"mode": "none", "group": "A"}},
				object{"id": "custom.fillOpacity", "value": 0},
				object{"id": "custom.lineStyle", "value": object{"fill": "dash", "dash": []int{10, 10}}})),
		graph("CPU by origin", "Cores by the place that the executables lie in, here and in containers. Orange (temp, memfd, deleted, web) above half a core for minutes is seldom anything good. Grey: programs that cannot be read.", 8,
			lines(h.by("sum", "origin, isolation", h.rate("origin_cpu_seconds_total"))+" > 0", "{{origin}} ({{isolation}})")).stacked().paint(paintOrigins()...),
		graph("CPU that nobody owns", "Cores that the kernel counted and no visible process used. Half a core for minutes: a process hides, or many end too soon to be seen; compare with the starts, then look with `cryptojack_exporter scan` as root.", 8,
			lines(h.by("sum", "job, instance", h.rate("cpu_unattributed_seconds_total")), "{{instance}}")).set("color", fixed(unseen)).custom("fillOpacity", 30),
		graph("GPU by origin", "Engines of GPUs that programs keep busy, by the place that the executables lie in. Orange (temp, memfd, deleted, web) for minutes: a miner on the GPU. No data: the host has no GPU, or its driver tells no times, as NVIDIA's.", 8,
			lines(h.by("sum", "origin, isolation", h.rate("origin_gpu_seconds_total"))+" > 0", "{{origin}} ({{isolation}})")).stacked().paint(paintOrigins()...),
	}
}

func (h house) hostRespawns() []panel {
	return []panel{
		states("Verdict over time", "The worst verdict about each host. Red: a miner ran then. Orange: a program with one sign. Grey: it could not be judged. Blank: no data, the exporter did not answer.", 12,
			lines(h.by("max", "instance", h.verdict("job, instance")), "{{instance}}")).inWords(verdicts()),
		states("Respawns of suspects", "How often each suspect came back in each step. Blue: it did not. Orange: it came back. Red: three times or more; find what restarts it, in the table of suspects under Guardian, and stop that first.", 12,
			lines("round("+h.by("sum", "comm, suspect", h.named(h.increase("suspect_respawns_total"), "comm"))+")", "{{comm}} ({{suspect}})")).inSteps(comeBack()),
		graph("What else comes back", "Programs that started again soon after they ended, of any origin. Regular bars of a group from temp: a guardian restarts it. Of system: shells and cron jobs, usually harmless.", 12,
			lines(h.by("sum", "process, origin", h.increase("process_respawns_total"))+" > 0", "{{process}} ({{origin}})")).bars(),
		graph("Starts by origin", "Programs that start each second. A wave from temp (orange) is a dropper or a build; a wave from system is a shell script.", 12,
			lines(h.by("sum", "origin", h.rate("origin_starts_total"))+" > 0", "{{origin}}")).paint(paintOrigins()...),
	}
}

func (h house) hostExposed() []panel {
	return []panel{
		h.table("Exposed services", "Services that miners enter by and that others may reach, by what they answered when asked. Red: none, anybody is let in; close it now. Orange: it was not asked, or did not answer. Blue: it asks for a password. A firewall is not looked at.", 8, rowsHigh(4),
			[]column{
				col("instance", "Host", 0), col("app", "Service", 0),
				col("scope", "Reaches", 85, mapped(scopes()), background()),
				col("auth", "Password", 95, mapped(words(word{"none", "none", critical}, word{"unknown", "unknown", warning}, word{"required", "required", info})), background()),
				col("Value", "Sockets", 75),
			},
			cells(h.by("sum", "job, instance, app, scope, auth", h.metric("exposed_services"))+" > 0")),
		h.table("Listening sockets", "What listens, and how far it reaches; services that miners enter by are named. One with a name that reaches further than loopback is exposed: bind it to 127.0.0.1 or let it ask for a password.", 16, rowsHigh(4),
			[]column{
				col("instance", "Host", 0), col("app", "Service", 90), col("scope", "Reaches", 85),
				col("address", "Address", 0), col("port", "Port", 75, unit("none")), col("protocol", "Protocol", 80), col("process", "Program", 0),
			},
			cells(h.by("max", "job, instance, protocol, address, port, scope, app, process", h.metric("listening_socket_info")))).sorted("Service"),
		graph("Sockets by scope", "Listening sockets by how far they reach. A step of any or public: something new can be reached from outside; find it in the table above.", 8,
			lines(h.by("sum", "scope", h.metric("listening_sockets")), "{{scope}}")).paint(paintNeutral("loopback", "any", "private", "public")...),
		graph("Exposed services over time", "Exposed services by their answer. Red: anybody is let in. Orange: not known. When red began before the suspect was first seen, that is the way in.", 8,
			lines(h.by("sum", "app, scope, auth", h.metric("exposed_services"))+" > 0", "{{app}} ({{scope}}, password {{auth}})")).
			paint(paint("password none", critical), paint("password unknown", warning), paint("password required", info)),
		graph("Submissions to Flink", "Jars that were uploaded to and run by Flink, and requests that failed, as its log says. Orange, a run that nobody on your side started, is the way in: look at the suspects, then close Flink's port.", 8,
			lines(h.by("sum", "event", h.increase("flink_log_events_total")), "{{event}}")).bars().
			paint(paint("^jar_run", warning), paint("^jar_upload", "purple"), paint("^rest_exception", info)),
	}
}
