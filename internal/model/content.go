package model

// ContentFacts is what the content of a program says of it, whatever it is called: the
// first 64 MiB of the file.
type ContentFacts struct {
	RandomX    bool     // it holds the constants of RandomX, at least five of seven
	MinerWords []string // of miners' protocols and options, if there are at least three different ones in an ELF file. Never changed
	Node       bool     // ELF with the words of a node, a wallet or p2pool, which contain RandomX to check blocks
}

// Mines tells whether the content is that of a miner.
func (c *ContentFacts) Mines() bool { return !c.Node && (c.RandomX || c.MinerWords != nil) }
