package generate

// fleet asks: which hosts are mined, open or blind?
func (h house) fleet() dashboard {
	// An alert about the fleet has no instance; one about a host shows once for
	// all hosts.
	notes := []object{
		alerts("Critical alerts", critical, `sum by (alertname) (`+h.firing("critical", h.hosts())+`)`, "on {{value}} hosts"),
		alerts("Alerts about the fleet", critical, h.firing("critical", `instance=""`), "over all hosts"),
	}
	panels := []panel{row("Which hosts are mined, open or blind?")}
	panels = append(panels, h.fleetNumbers()...)
	panels = append(panels, h.hostTable(), h.suspectTable(),
		row("How did it go?"),
		graph("Hosts over time", "Hosts with a miner (red), with a suspicious program or an exposed service (orange), and hosts that cannot be judged (grey). Red that rises on many hosts at once: one campaign, or one image that was built with it; start with the table of programs.", 12,
			lines(h.countHosts(h.metric("suspects", `severity="critical"`), "> bool 0"), "mined"),
			lines(h.countHosts(h.metric("findings", `rule="exposed_service"`, `severity="critical"`), "> bool 0"), "open to anybody"),
			lines(h.countHosts(h.metric("suspects", `severity="warning"`), "> bool 0"), "suspicious"),
			lines(h.countHosts(h.metric("findings", `rule="exposed_service"`, `severity="warning"`), "> bool 0"), "exposed"),
			lines(h.blindHosts(), "blind"),
			lines(h.silentHosts(), "silent")).
			paint(paintQuery("A", critical), paintQuery("B", "dark-red"), paintQuery("C", warning), paintQuery("D", "dark-orange"), paintQuery("E", unseen), paintQuery("F", "#606060")),
		graph("CPU by origin", "Cores that all hosts use, by the place that the executables lie in. Orange (temp, memfd, deleted, web) that lasts: programs from where none belong; find their hosts in the first table. Grey: programs that cannot be read.", 12,
			lines(h.by("sum", "origin", h.rate("origin_cpu_seconds_total")), "{{origin}}")).stacked().paint(paintOrigins()...),
		h.respawnHeat(),
		graph("CPU of suspects by host", "Cores that suspects use, the ten hosts that lose most. Red is all of it: open the host, stop the guardian first.", 12,
			lines("topk(10, "+h.by("sum", "job, instance", h.rate("suspect_cpu_seconds_total"))+")", "{{instance}}")).stacked().set("color", fixed(critical)),
	)
	return h.build("cryptojack-fleet", "Cryptojack / Fleet", "Which hosts are mined, open or blind?", nil, notes, panels...)
}

func (h house) blindHosts() string {
	return "sum(" + h.by("min", "job, instance", h.metric("visibility_ratio", seen)) + " < bool 0.8)"
}

func (h house) fleetNumbers() []panel {
	return []panel{
		number("Hosts", "Hosts whose exporter answers now. Grey: none does, so nothing here can be trusted; look at Prometheus' targets.", 3,
			blueFrom(1), "count("+h.by("group", "job, instance", h.metric("exporter_build_info"))+")"),
		number("Mined now", "Hosts on which a miner was found. Red: open the host in the table, stop the guardian first. Grey: no data.", 4,
			redFrom(1), h.countHosts(h.metric("suspects", `severity="critical"`), "> bool 0")),
		number("Suspicious", "Hosts with a program that shows one sign of a miner. Orange: look at it within the day. Grey: no data.", 3,
			orangeFrom(1), h.countHosts(h.metric("suspects", `severity="warning"`), "> bool 0")),
		number("Open to anybody", "Hosts with a service that lets anybody in and gives him programs to run. Red: close it now, miners find it within hours. Grey: no data.", 4,
			redFrom(1), h.countHosts(h.metric("findings", `rule="exposed_service"`, `severity="critical"`), "> bool 0")),
		number("Exposed", "Hosts with a service that miners enter by, that others reach, and that asks for no password, or did not answer when asked. Orange: bind it to 127.0.0.1 or let it ask for a password. Grey: no data.", 3,
			orangeFrom(1), h.countHosts(h.metric("findings", `rule="exposed_service"`, `severity="warning"`), "> bool 0")),
		number("Blind", "Hosts whose exporter reads less than 80 % of processes or directories: a miner may run there unseen. Grey: give the exporter its capabilities, see docs/permissions.md.", 3,
			greyFrom(1), h.blindHosts()),
		number("Silent", "Hosts that answered in the shown time, or should, and do not answer now. Red: miners end what watches them; see whether the host is up and the exporter was stopped. Grey: no data.", 4,
			redFrom(1), h.silentHosts()),
	}
}

// hostTable lists only hosts with something in a column, so that it stays short
// where there are many.
func (h house) hostTable() panel {
	key := "job, instance"
	open := func(severity string) string {
		return h.by("sum", key, h.metric("findings", `rule="exposed_service"`, `severity="`+severity+`"`)) + " > 0"
	}
	return h.table("Hosts that need somebody", "Hosts that are mined, open or blind; the rest is left out. Red: a miner, or a service that lets everybody in. Orange: look within the day. Grey: cannot be judged. Open the host for what to do.", 12, rowsHigh(4),
		[]column{
			col("instance", "Host", 0, h.toHost()),
			col("Value #A", "Verdict", 110, mapped(verdicts()), scale(verdictThresholds()), byScale(), background()),
			col("Value #B", "Suspects", 85),
			col("Value #C", "Cores", 75, decimals(1)),
			col("Value #D", "Open services", 100, scale(redFrom(1)), byScale(), background()),
			col("Value #E", "Exposed", 85, scale(orangeFrom(1)), byScale(), background()),
			col("Value #F", "Visible", 80, unit("percentunit"), decimals(0), scale(visible()), byScale(), background()),
		},
		// Quiet hosts with an open service too: Grafana 9 calls the value of the only
		// query with an answer by another name.
		cells(h.verdict(key)+" > 0 or "+h.verdict(key)+" and "+h.on("job, instance")+" "+h.metric("findings", `rule="exposed_service"`, `severity=~"critical|warning"`)+" > 0"),
		cells(h.by("sum", key, h.metric("suspects", `severity=~"critical|warning"`))+" > 0"),
		cells(h.by("sum", key, h.rate("suspect_cpu_seconds_total"))+" > 0"),
		cells(open("critical")), cells(open("warning")),
		cells(h.by("min", key, h.metric("visibility_ratio", seen))+" < 0.8"),
	).sorted("Verdict")
}

// suspectTable has one line for each program, however many hosts have it and
// whatever it is called there.
func (h house) suspectTable() panel {
	key := "suspect"
	return h.table("Programs under suspicion", "One line for each program, known by its content under any name. The more hosts, the more it is one campaign. Red: a miner; open it for its guardian, its entry and the steps. Orange: one sign of a miner.", 12, rowsHigh(4),
		[]column{
			col("suspect", "Program", 120, h.toSuspect()),
			col("Value #A", "Verdict", 100, mapped(verdicts()), scale(verdictThresholds()), byScale(), background()),
			col("comm", "Most often named", 0),
			col("Value #B", "Hosts", 65),
			col("Value #D", "Cores", 70, decimals(1)),
			col("Value #E", "Respawns", 85, decimals(0)),
			col("guardian", "Guardian", 0),
			col("app", "Entry", 80),
			col("Value #H", "First seen", 120, unit("dateTimeFromNow")),
		},
		cells(h.by("max", key, h.metric("suspect_info", `severity="critical"`)+" * 3 or "+h.metric("suspect_info", `severity="warning"`)+" * 2")),
		cells(h.by("count", key, h.by("group", "job, instance, suspect", h.metric("suspect_info")))),
		cells(h.one(key, h.by("count", "suspect, comm", h.metric("suspect_info")))),
		cells(h.by("sum", key, h.rate("suspect_cpu_seconds_total"))),
		cells(h.by("sum", key, h.total("suspect_respawns_total"))),
		cells(h.one(key, h.by("count", "suspect, guardian", relabel(h.metric("suspect_guardian_info"), "guardian", "exe", "(.*)")))),
		cells(h.one(key, h.by("count", "suspect, app", h.metric("suspect_entry_info")))),
		cells(h.by("min", key, h.metric("suspect_first_seen_timestamp_seconds"))+" * 1000"),
	).sorted("Hosts")
}

// respawnHeat has only hosts where something came back: a row of each of
// thousands says nothing.
func (h house) respawnHeat() panel {
	p := states("Respawns by host", "Programs from where none belong (temp, memfd, deleted, web) that came back after they ended, in each step, the twenty hosts with most. Orange: it came back. Red: three times or more, something restarts it; find the guardian on the host. Blank: nothing came back, or no data.", 12,
		lines("round(topk(20, "+h.by("sum", "job, instance", h.increase("origin_respawns_total", suspiciousOrigins))+")) > 0", "{{instance}}")).inSteps(thresholds(step{1, warning}, step{3, critical}))
	p.Type, p.MaxDataPoints = "status-history", 60
	delete(p.Options, "mergeValues")
	delete(p.Options, "alignValue")
	p.Options["colWidth"], p.Options["showValue"] = 0.9, "auto"
	return p.high(7)
}
