package generate

import (
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/assets"
)

const (
	// this is the chosen suspect; its id begins the hash of its files.
	this     = `suspect="$suspect"`
	thisFile = `sha256="$suspect"`
)

// suspect asks: what is this program, where else is it, what now?
func (h house) suspect() dashboard {
	choose := single("suspect", "Program", "label_values(cryptojack_suspect_info{"+h.hosts()+"}, suspect)")
	note := alerts("Critical alerts", critical, h.firing("critical", h.hosts())+" and "+h.on("job, instance")+" "+h.metric("suspect_info", this), "{{instance}}")
	panels := []panel{row("What is it?")}
	panels = append(panels, h.suspectNumbers()...)
	panels = append(panels, h.suspectDetails("Where it runs, what restarts it, how it got in", "One line for each host that has this program. Orange: one sign of a miner, find out whose it is. Red: a miner. Stop the guardian's pid before pid, or it comes back; close the entry before the machine is used again.", 2,
		[]column{col("instance", "Host", 0, h.toHost()), col("comm", "Name", 110)}, this))
	panels = append(panels, row("What now?"), h.steps(), h.companions(), row("How did it live?"))
	panels = append(panels, h.suspectLife()...)
	panels = append(panels, row("Where else is it?"),
		h.table("Files with the same content", "Files in the watched directories whose SHA-256 begins with the program's id, under whatever name. Orange: a program where none belongs. Remove them after its guardian was stopped; a file on a host that no line above names has not run yet.", 12, rowsHigh(2),
			[]column{
				col("instance", "Host", 0, h.toHost()), col("path", "Path", 0), col("user", "User", 90),
				col("reason", "Reason", 110, mapped(fileReasons()), background()),
				col("Value #B", "Modified", 130, unit("dateTimeFromNow")),
			},
			cells(h.by("max", "job, instance, path, user, reason", h.metric("suspicious_file_info", thisFile))),
			cells("("+h.by("max", "job, instance, path", h.metric("suspicious_file_modified_timestamp_seconds"))+" and "+h.on("job, instance, path")+" "+h.metric("suspicious_file_info", thisFile)+") * 1000")),
		states("Hosts that have it", "When each host had it, by the verdict there. Red: a miner. Orange: one sign of it. The host that begins is where it came in: look at its exposed services first.", 12,
			lines(h.by("max", "instance", h.verdictHere()), "{{instance}}")).high(rowsHigh(2)).inWords(wordsOfThis()),
	)
	return h.build("cryptojack-suspect", "Cryptojack / Suspect", "What is this program, where else is it, what now?", []object{choose}, []object{note}, panels...)
}

// The verdict about a suspect itself: it is never quiet.
func (h house) verdictHere() string {
	return h.metric("suspect_info", this, `severity="critical"`) + " * 3 or " + h.metric("suspect_info", this, `severity="warning"`) + " * 2"
}

func verdictOfThis() object { return thresholds(step{2, warning}, step{3, critical}) }

func wordsOfThis() object {
	return words(word{"2", "Suspicious", warning}, word{"3", "Miner", critical})
}

func (h house) suspectNumbers() []panel {
	return []panel{
		number("Verdict", "The worst verdict on any host. Red: a miner, go through the steps below now. Orange: one sign of a miner; find out who owns it, within the day. Grey: it is not known to any of the chosen hosts at this time; choose a longer time to see when it was.", 4,
			verdictOfThis(), "max("+h.verdictHere()+")").set("mappings", []object{wordsOfThis(), noData()}),
		number("Hosts", "Hosts that have it now. Red from 2: one campaign, or one image; search the fleet for the same entry. Orange: one. Grey: none.", 3,
			thresholds(step{1, warning}, step{2, critical}), "count("+h.by("group", "job, instance", h.metric("suspect_info", this))+")"),
		number("Cores", "Cores that it uses now on all hosts. Red from half a core: it computes. Orange: it is there and waits, or holds back. Grey: no data.", 3,
			thresholds(step{0, warning}, step{0.5, critical}), "sum("+h.rate("suspect_cpu_seconds_total", this)+")").set("decimals", 2),
		number("CPU time", "CPU time that it used in the shown time, on all hosts: what it cost. Blue, for information. Grey: no data.", 3,
			blueFrom(0), "sum("+h.total("suspect_cpu_seconds_total", this)+")").unit("s"),
		number("Respawns", "How often it came back in the shown time. Red from 3: something restarts it; stop that first. Orange: once may be a restart by hand. Blue: not yet. Grey: no data.", 3,
			comeBack(), "round(sum("+h.total("suspect_respawns_total", this)+"))"),
		number("First seen", "When it was first seen on any of the hosts. Blue, for information: what was started, submitted or changed just before is how it got in. Grey: no data.", 4,
			blueFrom(0), "min("+h.metric("suspect_first_seen_timestamp_seconds", this)+") * 1000").unit("dateTimeFromNow"),
		number("Last seen", "When there was last evidence against it. Blue, for information. Grey: no data.", 4,
			blueFrom(0), "max("+h.metric("suspect_last_seen_timestamp_seconds", this)+") * 1000").unit("dateTimeFromNow"),
	}
}

// steps are those of `scan`, in its order.
func (h house) steps() panel {
	return text("What to do, in this order", "The steps for every host in the table above. `cryptojack_exporter scan` on the host prints them with its pids and paths.", everyRow, 7,
		"Look once more: `cryptojack_exporter scan` on the host. `scan --explain=PID` says why it is suspected. If it is yours, allow it in the configuration, by its path and user.",
		"Keep the evidence, before anything is stopped: `cp /proc/PID/exe $(mktemp -d ~/evidence.XXXXXX)`, also of the guardian.",
		"Stop what starts it again, **Guardian's pid**, first: `kill -9`. Where Relation is cron or unit: remove the line or the unit.",
		"Stop the program, **pid**: `kill -9`. If it comes back, there is another guardian: see the table below.",
		"Remove its files, and those with the same content, below.",
		"Close the service that it came in by: bind it to 127.0.0.1, or let it ask for a password.",
		"Change the keys and passwords that were on the host; whoever could start a miner could read them.",
		"See whether it stays quiet: the respawns below, and [the runbook]("+h.runbook()+").",
	)
}

// runbook is the page of CryptojackMinerFound; here no alert fills in labels.
func (h house) runbook() string {
	address := h.Runbook("CryptojackMinerFound")
	if strings.Contains(address, "{{") {
		return assets.House{}.Runbook("CryptojackMinerFound")
	}
	return address
}

// companions are the other suspects of the hosts that have this one.
func (h house) companions() panel {
	return h.table("Other suspects on the same hosts", "What is suspected besides, where this program is: its guardian is usually among them, and comes first in the steps. Red: a miner or part of one. Orange: one sign of it.", everyRow, rowsHigh(2),
		[]column{
			col("suspect", "Program", 115, h.toSuspect()), col("instance", "Host", 0, h.toHost()),
			col("severity", "Verdict", 85, mapped(severities()), background()),
			col("comm", "Name", 110), col("exe", "Path", 0), col("rule", "Strongest sign", 0),
		},
		cells(h.by("max", "job, instance, suspect, severity, comm, exe, rule", h.metric("suspect_info", `suspect!="$suspect"`)+" and "+h.on("job, instance")+" "+h.metric("suspect_info", this))))
}

func (h house) suspectLife() []panel {
	return []panel{
		graph("CPU since it was first seen", "Cores that it uses, by host. Red is all of it. A line that drops to nothing and returns: it was stopped and came back, or it pauses while somebody looks.", 12,
			lines(h.by("sum", "job, instance", h.rate("suspect_cpu_seconds_total", this)), "{{instance}}")).stacked().set("color", fixed(critical)),
		states("Lives", "Each block is one life, by its pid: a new pid is a new start. Red while it runs, blank when it does not. Many short ones: something restarts it.", 6,
			lines(h.by("max", "instance", h.metric("suspect_pid", this)), "{{instance}}")).high(7).set("color", fixed(critical)).custom("lineWidth", 1),
		graph("Respawns by host", "How often it came back in each step. Red, in regular bars: a guardian or a timer restarts it; stop that first.", 6,
			lines(h.by("sum", "job, instance", h.increase("suspect_respawns_total", this)), "{{instance}}")).bars().set("color", fixed(critical)),
	}
}
