package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// benignRandomX is software that contains RandomX and mines for nobody, and what only looks
// like code that was unpacked.
func benignRandomX(n *names) []scenario {
	idle, busy, wallets, noise, rules, script := n.home("*"), n.home("*"), n.home("*"), n.local("*"), n.temp("*.yar"), n.home("*.py")
	idlePort, busyPort, walletPort := n.port(), n.port(), n.port()
	return []scenario{
		{
			name: "monerod without a network", technique: "T1496.001", benign: true, watch: 90 * time.Second,
			paths: []string{idle}, programs: []string{"monerod"},
			play: func(s *session) { s.node(idle, idlePort) },
		},
		{
			name: "monerod checks the work of blocks", technique: "T1496.001", benign: true, cores: 1.2, watch: 100 * time.Second,
			paths: []string{busy, script}, programs: []string{"monerod", "python3"},
			play: func(s *session) {
				s.node(busy, busyPort)
				s.write(script, blockChecks, 0o644)
				s.launch(order{argv: []string{"python3", script, strconv.Itoa(busyPort), s.seconds()}})
			},
		},
		{
			name: "monero-wallet-rpc without a network", technique: "T1496.001", benign: true,
			paths: []string{wallets}, programs: []string{"monero-wallet-rpc"},
			play: func(s *session) {
				s.write(wallets+"/notes", "", 0o644)
				s.launch(order{argv: []string{
					"monero-wallet-rpc", "--offline", "--disable-rpc-login", "--wallet-dir", wallets, "--log-file", wallets + "/log",
					"--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", strconv.Itoa(walletPort), "--non-interactive",
				}})
			},
		},
		{
			name: "busy program with noise in executable memory", technique: "T1027.002", benign: true, cores: 1,
			paths: []string{n.top(noise)}, tools: []string{unpackedCode},
			play: func(s *session) {
				s.placeTool(noise, unpackedCode)
				s.launch(order{path: noise, argv: []string{noise, "noise", s.seconds()}})
			},
		},
		{
			name: "rules of a scanner for miners in a temporary directory", technique: "T1105", benign: true, short: true,
			paths: []string{n.top(rules)},
			play:  writes(rules, "rule miner { strings: $a = \"mining.submit\" $b = \"mining.subscribe\" $c = \"donate-level\" condition: 2 of them }\n", 0o644),
		},
	}
}

// node starts Monero's node on the loopback network, and waits until it answers.
func (s *session) node(directory string, port int) {
	s.write(directory+"/notes", "", 0o644)
	s.launch(order{argv: []string{
		"monerod", "--offline", "--non-interactive", "--no-zmq", "--no-igd", "--hide-my-port", "--data-dir", directory,
		"--p2p-bind-ip", "127.0.0.1", "--p2p-bind-port", "0", "--rpc-bind-ip", "127.0.0.1", "--rpc-bind-port", strconv.Itoa(port),
	}, environment: []string{"HOME=" + directory}})
	s.eventually(30*time.Second, "monerod answers", func() error {
		connection, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			return errors.Join(errors.New("it does not listen"), err)
		}
		return connection.Close()
	})
	s.act()
}

// blockChecks has a node compute the proof of work of its first block again and again, as it
// does for each block while it syncs: RandomX in light mode.
const blockChecks = `import json, sys, time, urllib.request
end = time.time() + int(sys.argv[2])
def ask(method, **parameters):
    body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method, "params": parameters}).encode()
    request = urllib.request.Request("http://127.0.0.1:%s/json_rpc" % sys.argv[1], body)
    return json.load(urllib.request.urlopen(request, timeout=60))
block = ask("get_block", height=0)["result"]["blob"]
while time.time() < end:
    answer = ask("calc_pow", major_version=16, height=0, block_blob=block, seed_hash="00" * 32)
    if "error" in answer:
        raise SystemExit(str(answer))
`
