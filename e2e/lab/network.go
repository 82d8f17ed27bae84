package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/e2e/internal/programs"
)

// network is a network namespace of a scenario's own. One virtual link leads from the
// host into it, and nothing out of it: a service in it that listens to everybody is
// reached by this host alone.
type network struct {
	name    string
	device  string // the host's end of the link
	host    string // address of the host's end
	address string // of its own end
	outside string // a public address that only it has, of a pool that is played in it
}

// network returns one that is not there yet.
func (n *names) network() *network {
	for {
		third, fourth := n.random.IntN(256), 4*n.random.IntN(64)
		subnet := fmt.Sprintf("10.%d.%d.", 64+n.random.IntN(128), third)
		if made := fmt.Sprint(subnet, fourth); !n.taken[made] && isFree(made) {
			n.taken[made] = true
			return &network{
				name: n.word(), device: "v" + n.word(),
				host: fmt.Sprint(subnet, fourth+1), address: fmt.Sprint(subnet, fourth+2),
				outside: fmt.Sprint("198.51.100.", 1+n.random.IntN(254)), // TEST-NET-2 of RFC 5737
			}
		}
	}
}

// isFree tells whether the host has no address in the same 10.x.y.0/24.
func isFree(address string) bool {
	addresses, err := net.InterfaceAddrs()
	prefix := address[:strings.LastIndexByte(address, '.')+1]
	for _, own := range addresses {
		if strings.HasPrefix(own.String(), prefix) {
			return false
		}
	}
	return err == nil
}

// join makes a network, which goes with the scenario.
func (s *session) join(made *network) {
	s.undo = append(s.undo, func() error {
		// The link goes with the namespace, but not at once.
		return errors.Join(ip("link", "delete", made.device), ip("netns", "delete", made.name))
	})
	for _, arguments := range []string{
		"netns add " + made.name,
		"link add " + made.device + " type veth peer name eth0 netns " + made.name,
		"address add " + made.host + "/30 dev " + made.device,
		"link set " + made.device + " up",
		"-n " + made.name + " address add " + made.address + "/30 dev eth0",
		"-n " + made.name + " link set eth0 up",
		"-n " + made.name + " link set lo up",
		"-n " + made.name + " address add " + made.outside + "/32 dev lo",
		// Whoever connects to it does so from another network, as to a pool.
		"-n " + made.name + " route replace local " + made.outside + " dev lo proto kernel scope host table local src " + made.address,
	} {
		if !s.stopped() {
			s.fail(ip(strings.Fields(arguments)...))
		}
	}
}

// ip runs ip(8).
func ip(arguments ...string) error {
	output, err := exec.Command("ip", arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// inside is the order to start the same in its network. Nothing else about the program is
// different: `ip netns exec` would also mount file systems for it.
func (o order) inside() order {
	user := o.user
	if user == 0 && !o.root {
		user = programs.Nobody
	}
	enter := []string{
		"nsenter", "--net=/run/netns/" + o.network.name, "--wd=" + cmp.Or(o.directory, "/"), "setpriv",
		fmt.Sprint("--reuid=", user), fmt.Sprint("--regid=", user), "--clear-groups",
		"--pdeathsig=KILL", // another user is a new start for it
		"--", o.path,
	}
	o.argv, o.path, o.root, o.network = append(enter, o.argv[1:]...), lookPath("nsenter"), true, nil
	return o
}
