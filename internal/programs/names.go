package programs

import (
	"slices"
	"strings"
)

// minerNames are programs that only mine, or only keep a miner alive. Names
// that something else bears too are left out. Sources: public reports of the
// campaigns (kinsing, TeamTNT, Sysrv, WatchDog, Rocke, perfctl) and the
// miners' own projects.
func minerNames() []string {
	return []string{
		"kdevtmpfsi", "kinsing", "kinsing2", "kinsing_aarch64", // kinsing
		"kthreaddi", "kthreaddk", "sysrv", "sysrv011", "sysrv012", "network01", // Sysrv-hello
		"watchdogs", "kerberods", "khugepageds", "ksoftirqds", // Rocke
		"dbused", "bioset_miner", "moneroocean_miner", "c3pool_miner", "xmrigdaemon", "xmrigMiner", // TeamTNT, 8220
		"perfctl", "perfcc", "wizlmsh", // perfctl
		"watchbog", "qw3xt", "sustse", "kpsmouseds", "kauditds", // WatchBog, DDG
		"xmrig", "xmrig-notls", "xmrig-cuda", "xmr-stak", "xmr-stak-rx", "xmrcc", // CPU miners
		"minerd", "cpuminer", "cpuminer-multi", "cpuminer-opt", "srbminer-multi", "nanominer", "rhminer",
		"ethminer", "nbminer", "lolminer", "gminer", "teamredminer", "phoenixminer", "cgminer", "bfgminer", "ccminer",
	}
}

// minerArguments are words that only a miner's command line holds. They are cut by a bar
// here: a program that carries three of them whole is called a miner by its content, and
// this one must not be.
func minerArguments() []string {
	words := []string{
		"stratum|+tcp://", "stratum|+ssl://", "stratum|+tls://", "stratum2|+tcp://", "stratum2|+ssl://", "daemon|+http://",
		"--donate|-level", "--randomx|-", "--nice|hash", "--cpu-max|-threads-hint", "--rig-id", "--coin=monero", "--algo=rx/",
	}
	for i, word := range words {
		words[i] = strings.Replace(word, "|", "", 1)
	}
	return words
}

// readers are programs of the system that have a miner's words in their own
// arguments because somebody looks for a miner.
func readers() []string {
	return []string{
		"grep", "egrep", "fgrep", "rg", "ag", "ack", "sed", "awk", "gawk", "mawk", "find", "xargs", "ps", "pgrep", "pkill", "killall",
		"vi", "vim", "vim.basic", "vim.tiny", "nvim", "nano", "emacs", "less", "more", "most", "cat", "bat", "head", "tail", "man",
		"git", "diff", "journalctl", "logger", "ssh", "sudo", "su", "watch", "tmux", "screen", "strings", "echo", "curl", "wget",
		"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "timeout", "env", "nohup", "systemd-run", "docker", "kubectl",
	}
}

// searchers are programs that people also install for themselves, and that have
// such words in their arguments for the same reason.
func searchers() []string {
	return []string{
		"rg", "ripgrep", "ag", "ack", "ugrep", "ug", "grep", "ggrep", "zgrep", "zcat", "pt", "sift", "fd", "fdfind", "fzf", "sk", "bat", "batcat", "less",
		"sed", "gsed", "awk", "gawk", "jq", "yq", "vim", "nvim", "hx", "emacs", "micro", "git", "delta", "difft", "lnav", "yara", "semgrep", "ast-grep", "sg",
	}
}

// systemNames are parts of a Linux system that nobody runs from elsewhere.
func systemNames() []string {
	return []string{
		"systemd", "systemd-journald", "systemd-logind", "systemd-networkd", "systemd-resolved", "systemd-timesyncd", "systemd-udevd",
		"systemd-oomd", "systemd-machined", "sshd", "sshd-session", "cron", "crond", "anacron", "dbus-daemon", "dbus-broker",
		"rsyslogd", "syslogd", "syslog-ng", "auditd", "udevd", "agetty", "polkitd", "irqbalance", "chronyd", "dhclient", "dhcpcd",
		"NetworkManager", "wpa_supplicant", "accounts-daemon", "udisksd", "udiskssd", "upowerd", "rtkit-daemon", "gdm3", "lightdm", "iscsid", "rpcbind",
		"multipathd", "lvmetad", "smartd", "thermald", "acpid", "unattended-upgrade", "networkd-dispatcher", "packagekitd", "modprobe",
	}
}

// serverNames are programs that people also build, install and run themselves.
func serverNames() []string {
	return []string{
		"nginx", "apache2", "httpd", "mysqld", "mariadbd", "postgres", "redis-server", "mongod", "memcached", "php-fpm", "dockerd",
		"containerd", "kubelet", "haproxy", "named", "dnsmasq", "postfix", "sendmail", "vsftpd", "ntpd", "haveged", "snapd", "rsync",
	}
}

// kernelThreadNames are the names of kernel threads without what follows a slash
// or a digit at the end.
func kernelThreadNames() []string {
	return []string{
		"kdevtmpfs", "kworker", "kswapd", "kthreadd", "ksoftirqd", "khugepaged", "kauditd", "kblockd", "kcompactd", "khungtaskd",
		"kintegrityd", "kthrotld", "kstrp", "ksmd", "kpsmoused", "kdmflush", "kcryptd", "kmpathd", "kaluad", "kstopmachine", "khelper",
		"oom_reaper", "rcu_sched", "rcu_preempt", "rcu_bh", "rcu_gp", "rcu_par_gp", "migration", "cpuhp", "idle_inject", "netns",
		"irq", "scsi_eh", "scsi_tmf", "jbd2", "ext4-rsv-conver", "xfsaild", "xfs-conv", "btrfs-transacti", "devfreq_wq", "edac-poller", "ata_sff",
		"bioset", "deferwq", "writeback", "inet_frag_wq", "slub_flushwq", "mm_percpu_wq", "nvme-wq", "usb-storage", "watchdogd",
	}
}

// looseThreadNames are kernel threads whose bare name a program may well bear:
// only with the number or the slash of the kernel's own are they taken for one.
func looseThreadNames() []string {
	return []string{"migration", "netns", "irq", "writeback", "watchdogd", "usb-storage", "bioset", "idle_inject", "cpuhp"}
}

// MinerNames are the names of known miners and guardians, sorted.
func MinerNames() []string { return slices.Sorted(slices.Values(minerNames())) }

// MinerArguments are words that only a miner's command line holds.
func MinerArguments() []string { return minerArguments() }

// Searchers are programs that have such words in their arguments because somebody looks for a miner, sorted.
func Searchers() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(readers(), searchers()))))
}

// Names holds the known names ready to be looked up: a host may run 30,000 processes.
type Names struct {
	miners, shared, threads, loose, system, servers, honest, readers, searchers map[string]bool

	arguments                   []string
	sounds                      []string // longer names of kernel threads, which are imitated
	systemSorted, serversSorted []string
}

// NewNames makes the names ready. It is made once: a host may run 30,000 processes.
func NewNames() *Names {
	set := func(names []string, change func(string) string) map[string]bool {
		out := make(map[string]bool, len(names))
		for _, name := range names {
			out[change(name)] = true
		}
		return out
	}
	same := func(name string) string { return name }
	n := &Names{
		miners: set(minerNames(), strings.ToLower), threads: set(kernelThreadNames(), same), loose: set(looseThreadNames(), same),
		system: set(systemNames(), same), servers: set(serverNames(), same), readers: set(readers(), same), arguments: minerArguments(),
		shared: set(sharedMinerNames(), same), honest: set(honestNames(), same), searchers: set(searchers(), same),
		systemSorted: slices.Sorted(slices.Values(systemNames())), serversSorted: slices.Sorted(slices.Values(serverNames())),
	}
	for _, name := range kernelThreadNames() {
		if strings.HasPrefix(name, "k") && len(name) >= 6 {
			n.sounds = append(n.sounds, name)
		}
	}
	return n
}

// IsKernelThread knows the names of the kernel's own threads: "kworker/0:1",
// "kswapd0", "rcu_sched".
func (n *Names) IsKernelThread(name string) bool {
	if name == "" {
		return false
	}
	stem, _, slash := strings.Cut(name, "/")
	bare := strings.TrimRight(stem, "0123456789")
	if n.loose[stem] || n.loose[bare] {
		return slash && len(stem) < len(name)-1 && bare == stem
	}
	return n.threads[stem] || n.threads[bare]
}

// IsSystemProgram knows the parts of a system that nobody runs from elsewhere.
func (n *Names) IsSystemProgram(name string) bool { return n.system[name] }

// IsSystem knows the parts of a system and the servers that people run on it.
func (n *Names) IsSystem(name string) bool { return n.system[name] || n.servers[name] }

// Base is the last element of a path, "" for none.
func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
