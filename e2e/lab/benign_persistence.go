package main

// benignPersistence are entries of what starts programs by itself, as healthy hosts
// have them. No day meets their schedule here either.
func benignPersistence(n *names) []scenario {
	harmless := func(name, technique string, short bool, path, content string) scenario {
		s := entry(name, technique, short, path, content, 0o644)
		s.benign, s.expect = true, nothing
		return s
	}
	return []scenario{
		harmless("cron pings a health check", "T1053.003", true, n.path("/etc/cron.d/*"),
			never+" nobody curl -fsS -m 10 http://127.0.0.1/ping >/dev/null 2>&1\n"),
		harmless("cron rotates logs", "T1053.003", false, n.path("/etc/cron.d/*"),
			never+" root test -x /usr/sbin/logrotate && /usr/sbin/logrotate /etc/logrotate.conf\n"),
		harmless("timer of systemd", "T1053.006", false, n.path("/etc/systemd/system/*.timer"),
			"[Unit]\nDescription=Tidies up\n\n[Timer]\nOnCalendar=2199-01-01\n"),
		harmless("service of systemd", "T1543.002", false, n.path("/etc/systemd/system/*.service"),
			"[Unit]\nDescription=Tidies up\n\n[Service]\nExecStart=/usr/bin/find /tmp -mtime +30 -name *.tmp -delete\nRestart=on-failure\n"),
		harmless("profile reads the environment of cargo", "T1546.004", false, n.path("/etc/profile.d/*.sh"),
			"if [ -f \"$HOME/.cargo/env\" ]; then\n\t. \"$HOME/.cargo/env\"\nfi\n"),
		harmless("cron fetches a file and keeps it", "T1053.003", false, n.path("/etc/cron.d/*"),
			never+" nobody wget -q -O /var/lib/misc/list.txt http://127.0.0.1/list.txt\n"),
	}
}
