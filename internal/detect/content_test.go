package detect

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/rules"
)

// TestContentAndBenignCounterparts holds what the content of a program and its executable
// memory give, alone and with other evidence, and that software which checks blocks stays
// below critical by that.
func TestContentAndBenignCounterparts(t *testing.T) {
	t.Parallel()
	const miner, node = "/opt/app/worker", "/usr/bin/monerod"
	holds := func(content model.ContentFacts) func(*model.Process) {
		return func(p *model.Process) { p.Content = content }
	}
	words := []string{"mining.submit", "mining.notify", "seed_hash"}
	constants := holds(model.ContentFacts{RandomX: true})
	library := looking(model.Inspection{RandomXIn: "/usr/lib/x86_64-linux-gnu/librandomx.so.0.0.0"})
	light := all(resident(model.MemoryShape{Signature: model.SignatureRandomXLight, KiB: 264_200, Exact: true, CompiledKiB: 96}), func(p *model.Process) { p.Inspection.RandomXIn = "anonymous memory" })
	fast := all(resident(model.MemoryShape{Signature: model.SignatureRandomXFast, KiB: 2_129_920, Exact: true, CompiledKiB: 96}), func(p *model.Process) { p.Inspection.RandomXIn = "anonymous memory" })
	static := all(at(model.OriginSystem, node), holds(model.ContentFacts{RandomX: true, Node: true}))
	linked := all(at(model.OriginSystem, node), holds(model.ContentFacts{Node: true}))
	pool := all(at(model.OriginLocal, "/opt/p2pool/p2pool"), holds(model.ContentFacts{RandomX: true, Node: true, MinerWords: words}))
	installed := at(model.OriginLocal, miner)
	for name, test := range map[string]struct {
		change   func(*model.Process)
		rule     string
		severity model.Severity
		mention  string
	}{
		"constants in the program":            {all(installed, constants), rules.RandomXCode, model.Warning, "Its program holds the constants"},
		"constants in the program, and load":  {all(installed, constants, busy), rules.RandomXCode, model.Critical, "4.0 cores"},
		"constants in memory, and load":       {all(installed, light, busy), rules.RandomXCode, model.Critical, "(anonymous memory)"},
		"a library in an interpreter":         {all(running("/opt/train.py"), library, busy), rules.RandomXCode, model.Critical, "librandomx.so.0.0.0"},
		"throttled":                           {all(installed, constants, throttled(0.3, 11*time.Minute)), rules.RandomXCode, model.Critical, ""},
		"words of miners":                     {all(installed, holds(model.ContentFacts{MinerWords: words})), rules.MinerWords, model.Critical, "3 words of miners' protocols and options: mining.submit, mining.notify, seed_hash"},
		"nothing in it":                       {all(installed, looking(model.Inspection{})), "", "", ""},
		"busy, and nothing in it":             {all(installed, looking(model.Inspection{}), busy), rules.SustainedCPU, model.Info, ""},
		"an idle node":                        {static, "", "", ""},
		"a node that syncs":                   {all(static, light, busy), rules.SustainedCPU, model.Info, "checks blocks"},
		"a linked node that syncs":            {all(linked, light, busy), rules.SustainedCPU, model.Info, "checks blocks"},
		"a node that mines":                   {all(static, fast, busy), rules.RandomXMemory, model.Critical, ""},
		"a node from temp":                    {all(static, inTemp("/tmp/monerod")), rules.RunsFromTemp, model.Critical, "/tmp"},
		"a node that hides":                   {all(static, busy, named("[kworker/0:1]")), rules.KernelThreadName, model.Critical, ""},
		"p2pool":                              {pool, rules.RandomXCode, model.Warning, ""},
		"a server of stratum without RandomX": {all(installed, holds(model.ContentFacts{Node: true, MinerWords: words})), "", "", ""},
		"the words of a miner and of a node":  {all(pool, busy), rules.RandomXCode, model.Critical, ""},
	} {
		findings := evaluate(t, snapshotOf(process(100, test.change)), policy.Policy{})
		if test.severity == "" {
			if len(findings) != 0 {
				t.Errorf("%s: %+v", name, findings[0])
			}
			continue
		}
		if len(findings) != 1 || findings[0].Severity != test.severity || test.rule != "" && findings[0].Rule != test.rule {
			t.Errorf("%s: want %s %s, got %+v", name, test.severity, test.rule, findings)
			continue
		}
		if evidence := strings.Join(findings[0].Evidence, "\n"); !strings.Contains(evidence, test.mention) {
			t.Errorf("%s: %q", name, evidence)
		}
	}
}

// TestNodeAtAPool: a node that speaks to a pool mines there.
func TestNodeAtAPool(t *testing.T) {
	t.Parallel()
	p := process(100, all(at(model.OriginSystem, "/usr/bin/monerod"), busy))
	p.Content = model.ContentFacts{RandomX: true, Node: true}
	s := snapshotOf(p)
	s.Sockets = &model.SocketSnapshot{Connections: []model.Connection{
		{Owner: p.Identity, Remote: netip.MustParseAddrPort("93.184.216.34:14444"), Outbound: true, Since: noon.Add(-time.Minute)},
	}}
	findings := evaluate(t, s, policy.Policy{})
	if len(findings) == 0 || findings[0].Rule != rules.PoolConnection || findings[0].Severity != model.Critical {
		t.Errorf("got %+v", findings)
	}
}
