package detect

import (
	"path"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/host"
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

// KnownMinerName tells whether a base name is that of a known miner or keeper,
// also with digits behind it, as kinsing's droppers number their files. Case
// does not matter.
func KnownMinerName(name string) bool {
	bare := strings.ToLower(name)
	stem := strings.TrimRight(bare, "0123456789")
	for _, miner := range minerNames() {
		if bare == strings.ToLower(miner) || stem == strings.ToLower(miner) {
			return true
		}
	}
	return false
}

// knownName returns the name by which a process is known, and where it stands.
func knownName(p *host.Process) (name, where string) {
	candidates := []struct{ name, where string }{{path.Base(p.Exe), "executable"}, {p.Comm, "process name"}}
	if len(p.Argv) > 0 {
		candidates = append(candidates, struct{ name, where string }{path.Base(p.Argv[0]), "first argument"})
	}
	for _, c := range candidates {
		if KnownMinerName(c.name) {
			return c.name, c.where
		}
	}
	return "", ""
}

// minerArgument returns the first argument that only miners take.
func minerArgument(p *host.Process) string {
	if p.Origin == host.OriginSystem && contains(readers(), path.Base(p.Exe)) {
		return ""
	}
	for _, argument := range p.Argv {
		lower := strings.ToLower(argument)
		for _, word := range minerArguments() {
			if strings.Contains(lower, word) {
				return argument
			}
		}
	}
	return ""
}

func contains(list []string, value string) bool {
	for _, element := range list {
		if element == value {
			return true
		}
	}
	return false
}
