package detect

import (
	"fmt"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// randomXCode holds for the constants of RandomX in a program or in the executable memory
// of a process (T1496.001). Nothing else has them, so it does not matter whether the
// miner was renamed, stripped, packed, or is a library in an interpreter.
func randomXCode(of subject) (string, strength) {
	p := of.process
	var where string
	switch {
	case p.Content.RandomX:
		where = "Its program holds"
	case p.Inspection != nil && p.Inspection.RandomXIn != "":
		where = "Its executable memory (" + quote(p.Inspection.RandomXIn) + ") holds"
	default:
		return "", absent
	}
	if checksBlocks(p) {
		return where + " the constants of RandomX. Its program is that of a node or a wallet, which checks blocks with them.", weak
	}
	return where + " the constants of RandomX, which mines Monero.", strong
}

// minerWords holds for a program that carries words of miners' protocols and options
// (T1496.001). p2pool carries some too: it is the server that miners speak to.
func minerWords(of subject) (string, strength) {
	content := &of.process.Content
	if content.MinerWords == nil {
		return "", absent
	}
	evidence := fmt.Sprintf("Its program carries %d words of miners' protocols and options: %s.", len(content.MinerWords), strings.Join(content.MinerWords, ", "))
	if content.Node {
		return evidence, weak
	}
	return evidence, strong
}

// checksBlocks tells software that contains RandomX without mining for somebody: a node,
// a wallet, p2pool. Its busy hours, when it checks the blocks of years, look like mining
// in light mode, and are a note.
//
// Whoever writes a miner can put the words of a node into it. What that wins is small: as
// soon as it also takes the memory of the dataset, speaks to a pool, carries the words of
// a miner, runs from a suspicious place, hides or is kept alive, it is judged like
// any other. What stays a note is light mode, a tenth of the hashes, from an installed
// place and with a protocol of its own.
func checksBlocks(p *model.Process) bool {
	return p.Content.Node && p.Content.MinerWords == nil && !p.Origin.Suspicious()
}

// expectedOfNode tells whether a signal is what software that checks blocks shows anyway:
// the memory of RandomX's light mode.
func expectedOfNode(p *model.Process, rule string) bool {
	return rule == rules.RandomXMemory && checksBlocks(p) && p.Inspection != nil && p.Inspection.Memory.Signature == model.SignatureRandomXLight
}

func factCode(v *view) string {
	p := v.process
	program := "The constants of RandomX are not in its program"
	if p.SHA256 == "" {
		program = "Its program was not read"
	}
	memory := looked(v, model.PartExecutableMemory, func() string {
		if !p.Inspection.CodeScanned {
			return "Its executable memory was not scanned: it uses little CPU."
		}
		return "None were found in its executable memory."
	})
	return program + ". " + memory
}

func factWords(v *view) string {
	if v.process.SHA256 == "" {
		return "Its program was not read."
	}
	return "Its program carries less than three words of miners, or is none (ELF)."
}
