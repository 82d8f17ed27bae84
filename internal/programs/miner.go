package programs

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/place"
)

// sharedMinerNames are names of miners that an honest program bears too: ddgs is
// also the command of a Python package that searches the web.
func sharedMinerNames() []string { return []string{"ddgs"} }

// IsMiner tells whether a base name is that of a known miner or guardian, also with
// digits behind it, as kinsing's droppers number their files. Case does not matter.
// Names that something else bears too are not among them, see IsSharedMiner.
func (n *Names) IsMiner(name string) bool {
	lower := strings.ToLower(name)
	return n.miners[lower] || n.miners[strings.TrimRight(lower, "0123456789")]
}

// IsSharedMiner knows the names of miners that something else bears too, also with
// the version behind them (`ddgs.3013`). A program of that name is a miner only if
// it is a program of its own, and lies where none belongs.
func (n *Names) IsSharedMiner(name string) bool {
	return n.shared[strings.TrimRight(strings.ToLower(name), "0123456789.")]
}

// IsMinerName tells whether a file's base name is that of a known miner.
func IsMinerName() func(name string) bool { return NewNames().IsMiner }

// Miner returns the name by which a process is known, and where it stands.
func (n *Names) Miner(p *model.Process) (name, where string) {
	if name := Base(p.Exe); n.IsMiner(name) || n.IsSharedMiner(name) && isForeign(p) {
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

// isForeign tells whether a program lies where nobody installs any.
func isForeign(p *model.Process) bool {
	switch p.Origin {
	case model.OriginSystem, model.OriginLocal, model.OriginHome:
		return place.IsHidden(p.Exe)
	case model.OriginOther:
		return !isInstalled(p.Exe)
	}
	return true
}

// MinerArgument returns the first argument that only a miner takes, and what it is.
func (n *Names) MinerArgument(p *model.Process) (argument, what string) {
	reader := n.reads(p)
	if reader == readsAll {
		return "", ""
	}
	found := 0
	for i, candidate := range p.Argv {
		kind := n.minerWord(candidate)
		if kind == "" || reader == searches && i > 0 && takesPattern(p.Argv[i-1]) {
			continue
		}
		if found++; found == 1 {
			argument, what = candidate, kind
		}
	}
	// Whoever searches for one word is no miner: that has an address, and a wallet
	// or more to say.
	if reader == searches && found < 2 {
		return "", ""
	}
	return argument, what
}

// minerWord says what an argument is that only miners take, or "".
func (n *Names) minerWord(argument string) string {
	lower := strings.ToLower(argument)
	for _, word := range n.arguments {
		if strings.Contains(lower, word) {
			return "an argument of miners"
		}
	}
	if holdsWallet(argument) {
		return "the address of a Monero wallet"
	}
	return ""
}

// reading is how far a program's arguments may hold a miner's words because
// somebody looks for a miner.
type reading int

const (
	readsNothing reading = iota
	searches             // one word, or as many as are marked as patterns
	readsAll
)

// reads tells how far that is. A program of the system may have all of them. One
// that somebody installed for himself is believed to search, as rg of an editor:
// who calls his miner so has more than one word of miners in its command line, and
// is known by all the other evidence. From where no program belongs none is believed.
func (n *Names) reads(p *model.Process) reading {
	name := Base(p.Exe)
	if p.Script != "" && !place.IsTemporary(p.Script) && !place.IsHidden(p.Script) {
		name = Base(p.Script) // ack is a script, and so is zgrep
	}
	switch {
	case p.Origin == model.OriginSystem || isStore(p.Exe):
		if n.readers[name] || n.searchers[name] {
			return readsAll
		}
	case p.Origin.Suspicious() || p.Origin == model.OriginUnreadable || p.Origin == model.OriginWeb || place.IsHidden(p.Exe):
	case n.searchers[name]:
		return searches
	}
	return readsNothing
}

// takesPattern knows the options of grep and its like whose value is a pattern.
func takesPattern(option string) bool {
	return slices.Contains([]string{"-e", "--regexp", "-g", "--glob", "--pattern"}, option)
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
