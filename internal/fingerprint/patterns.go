package fingerprint

import "slices"

// What is looked for must not stand in this program, or it would be called a miner
// itself: constants are kept as their complements, and words are written backwards.

// constants are those of the initialisation of RandomX's dataset (RandomX specification,
// section 7.3: r1 to r7, which nothing else is known to use; r0 is a common multiplier
// and left out). Compilers and RandomX's own x86-64 code hold them as eight bytes, and
// so does the table of constants of its arm64 code. A build for arm64 without that code
// may load them by four instructions of 16 bits each: it is not seen.
func constants() []uint64 {
	inverse := []uint64{
		^uint64(9298411001130361340), ^uint64(12065312585734608966), ^uint64(9306329213124626780), ^uint64(5281919268842080866),
		^uint64(10536153434571861004), ^uint64(3398623926847679864), ^uint64(9549104520008361294),
	}
	for i := range inverse {
		inverse[i] = ^inverse[i]
	}
	return inverse
}

// wordsOfMiners are methods of the stratum protocol, schemes of its addresses, options
// and names of algorithms, as miners of any coin for the CPU carry them.
func wordsOfMiners() []string {
	return []string{
		"+mutarts", "ebircsbus.gninim", "timbus.gninim", "ezirohtua.gninim", "yfiton.gninim", "ytluciffid_tes.gninim",
		"ecnonartxe_tes.gninim", "hsah_dees", "level-etanod", "yxorp-revo-etanod", "hsahecin", "devilapeek", "tceles-fles",
		"nigiro-ot-timbus", "evitca-no-esuap", "awkuhc/2nogra", "thginotpyrc", "rediretsohg", "rsmrw-xmodnar",
		"segap-bg1-xmodnar", "tnih-sdaerht-xam-upc", "//:ptth+nomead",
	}
}

// wordsOfNodes are those of software that contains RandomX to check blocks: Monero's
// node, wallets and tools (fields of transactions, the data base, calls of the node),
// and p2pool (its files and options). Miners know nothing of transactions.
func wordsOfNodes() []string {
	return []string{
		"elbanurp_gistcr", "serutangis_tcr", "BDMLniahckcolB", "ofnIhdce", "stuOoduesp", "ofni_krof_drah", "tneps_egami_yek_si",
		"thgiew_mret_gnol",
		"inim-loop2p", "gol.loop2p", "ehcac.loop2p", "xmodnar-on--", "trop-qmz--", "sreepdda--", "atad_renim_teg",
	}
}

// plain turns words round.
func plain(words []string) []string {
	for i, word := range words {
		letters := []byte(word)
		slices.Reverse(letters)
		words[i] = string(letters)
	}
	return words
}
