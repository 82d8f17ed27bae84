package ecs

import "strings"

// techniques are the names that MITRE ATT&CK gives the techniques of our rules (attack.mitre.org, Enterprise).
func techniques() map[string]string {
	return map[string]string{
		"T1014":     "Rootkit",
		"T1027":     "Obfuscated Files or Information",
		"T1027.002": "Software Packing",
		"T1036":     "Masquerading",
		"T1036.004": "Masquerade Task or Service",
		"T1036.005": "Match Legitimate Resource Name or Location",
		"T1036.011": "Overwrite Process Arguments",
		"T1037":     "Boot or Logon Initialization Scripts",
		"T1037.004": "RC Scripts",
		"T1053":     "Scheduled Task/Job",
		"T1053.002": "At",
		"T1053.003": "Cron",
		"T1053.006": "Systemd Timers",
		"T1059":     "Command and Scripting Interpreter",
		"T1059.004": "Unix Shell",
		"T1070":     "Indicator Removal",
		"T1070.004": "File Deletion",
		"T1098":     "Account Manipulation",
		"T1098.004": "SSH Authorized Keys",
		"T1105":     "Ingress Tool Transfer",
		"T1129":     "Shared Modules",
		"T1190":     "Exploit Public-Facing Application",
		"T1496":     "Resource Hijacking",
		"T1496.001": "Compute Hijacking",
		"T1543":     "Create or Modify System Process",
		"T1543.002": "Systemd Service",
		"T1546":     "Event Triggered Execution",
		"T1546.004": "Unix Shell Configuration Modification",
		"T1546.017": "Udev Rules",
		"T1547":     "Boot or Logon Autostart Execution",
		"T1547.006": "Kernel Modules and Extensions",
		"T1547.013": "XDG Autostart Entries",
		"T1554":     "Compromise Host Software Binary",
		"T1562":     "Impair Defenses",
		"T1562.001": "Disable or Modify Tools",
		"T1564":     "Hide Artifacts",
		"T1564.001": "Hidden Files and Directories",
		"T1564.013": "Bind Mounts",
		"T1574":     "Hijack Execution Flow",
		"T1574.006": "Dynamic Linker Hijacking",
		"T1620":     "Reflective Code Loading",
	}
}

// TechniqueName is the name of a technique or sub-technique, or "".
func TechniqueName(id string) string { return techniques()[id] }

// parent is the technique that a sub-technique belongs to, or the technique itself.
func parent(id string) string {
	technique, _, _ := strings.Cut(id, ".")
	return technique
}
