package programs

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
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
		"watchbog", "ddgs", "qw3xt", "sustse", "kpsmouseds", "kauditds", // WatchBog, DDG
		"xmrig", "xmrig-notls", "xmrig-cuda", "xmr-stak", "xmr-stak-rx", "xmrcc", // CPU miners
		"minerd", "cpuminer", "cpuminer-multi", "cpuminer-opt", "srbminer-multi", "nanominer", "rhminer",
		"ethminer", "nbminer", "lolminer", "gminer", "teamredminer", "phoenixminer", "cgminer", "bfgminer", "ccminer",
	}
}

// minerArguments are words that only a miner's command line holds.
func minerArguments() []string {
	return []string{
		"stratum+tcp://", "stratum+ssl://", "stratum+tls://", "stratum2+tcp://", "stratum2+ssl://", "daemon+http://",
		"--donate-level", "--randomx-", "--nicehash", "--cpu-max-threads-hint", "--rig-id", "--coin=monero", "--algo=rx/",
	}
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

// Names holds the known names ready to be looked up: a host may run 30,000 processes.
type Names struct {
	miners, threads, loose, system, servers, readers map[string]bool
	arguments                                        []string
	sounds                                           []string // longer names of kernel threads, which are imitated
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
	}
	for _, name := range kernelThreadNames() {
		if strings.HasPrefix(name, "k") && len(name) >= 6 {
			n.sounds = append(n.sounds, name)
		}
	}
	return n
}

// IsMiner tells whether a base name is that of a known miner or guardian, also with
// digits behind it, as kinsing's droppers number their files. Case does not matter.
func (n *Names) IsMiner(name string) bool {
	lower := strings.ToLower(name)
	return n.miners[lower] || n.miners[strings.TrimRight(lower, "0123456789")]
}

// IsMinerName tells whether a file's base name is that of a known miner.
func IsMinerName() func(name string) bool { return NewNames().IsMiner }

// Miner returns the name by which a process is known, and where it stands.
func (n *Names) Miner(p *model.Process) (name, where string) {
	if name := Base(p.Exe); n.IsMiner(name) {
		return name, "executable"
	}
	if n.IsMiner(p.Comm) {
		return p.Comm, "process name"
	}
	if name := Base(p.FirstArgument()); n.IsMiner(name) {
		return name, "first argument"
	}
	if name := Base(p.Script); p.Script != "" && n.IsMiner(strings.TrimSuffix(name, path.Ext(name))) {
		return name, "script"
	}
	return "", ""
}

// MinerArgument returns the first argument that only a miner takes, and what it is.
func (n *Names) MinerArgument(p *model.Process) (argument, what string) {
	if p.Origin == model.OriginSystem && n.readers[Base(p.Exe)] {
		return "", ""
	}
	for _, argument := range p.Argv {
		lower := strings.ToLower(argument)
		for _, word := range n.arguments {
			if strings.Contains(lower, word) {
				return argument, "an argument of miners"
			}
		}
		if holdsWallet(argument) {
			return argument, "the address of a Monero wallet"
		}
	}
	return "", ""
}

// holdsWallet looks for a Monero address: 95 characters of base 58 that begin
// with 4, or with 8 for a subaddress, or 106 with a payment id.
func holdsWallet(argument string) bool {
	if len(argument) < 95 {
		return false
	}
	const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	for word := range strings.FieldsFuncSeq(argument, func(r rune) bool { return r > 127 || !strings.ContainsRune(base58, r) }) {
		if (len(word) == 95 || len(word) == 106) && (word[0] == '4' || word[0] == '8') && strings.ContainsRune("0123456789AB", rune(word[1])) {
			return true
		}
	}
	return false
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

// Lookalike returns what a name imitates, or "". strict asks for servers too.
func (n *Names) Lookalike(name string, strict bool) string {
	if n.system[name] {
		return name
	}
	if len(name) < 5 || n.servers[name] {
		return ""
	}
	for _, sound := range n.sounds {
		if isNear(name, sound) {
			return sound + ", a thread of the kernel"
		}
	}
	lists := []map[string]bool{n.system}
	if strict {
		lists = append(lists, n.servers)
	}
	for _, list := range lists {
		best := ""
		for original := range list {
			if len(original) >= 4 && isNear(name, original) && (best == "" || original < best) {
				best = original
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// isNear tells whether one letter was put in, taken out or changed, but not the
// first: such names are made to be overlooked.
func isNear(name, original string) bool {
	if name == "" || name == original || name[0] != original[0] {
		return false
	}
	short, long := name, original
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(long)-len(short) > 1 {
		return false
	}
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	if len(short) == len(long) {
		return short[i+1:] == long[i+1:]
	}
	return short[i:] == long[i+1:]
}

// Base is the last element of a path, "" for none.
func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
