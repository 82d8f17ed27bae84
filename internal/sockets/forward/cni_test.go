package forward

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

const cniResult = `{"kind":"cniCacheV1","containerId":"x","config":"e30=","ifName":"eth0","networkName":"podman",
"capabilityArgs":{"portMappings":[
 {"hostPort":8081,"containerPort":80,"protocol":"tcp","hostIP":""},
 {"hostPort":53,"containerPort":53,"protocol":"UDP","hostIP":"127.0.0.1"},
 {"hostPort":0,"containerPort":1,"protocol":"tcp"},
 {"hostPort":5,"containerPort":5,"protocol":"sctp"}]},
"result":{"cniVersion":"0.4.0","ips":[{"address":"10.88.0.5/16"},{"address":"fd00::5/64"},{"address":"nonsense"}]}}`

func TestCNI(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "var/lib/cni/results/podman-x-eth0", cniResult)
	write(t, root, "var/lib/cni/results/broken", `{"capabilityArgs":{"portMappings":[{"hostPort":99999}]}}`)
	write(t, root, "var/lib/cni/networks/podman/10.88.0.5", "x\r\neth0")
	write(t, root, "var/lib/cni/networks/podman/cached", strings.ReplaceAll(cniResult, "10.88.0.5", "10.88.0.6"))
	write(t, root, "elsewhere", strings.ReplaceAll(cniResult, "10.88.0.5", "10.88.0.7"))
	if err := os.Symlink("/elsewhere", filepath.Join(root, "var/lib/cni/results/link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(root, "var/lib/cni/results/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	cni := newCNIReader(root)
	found, err := cni.read(time.Unix(1, 0))
	forwarded := func(protocol model.Protocol, from, to string) model.PortForward {
		return model.PortForward{Protocol: protocol, Host: netip.MustParseAddrPort(from), Target: netip.MustParseAddrPort(to), Via: model.ForwarderCNI}
	}
	want := []model.PortForward{
		forwarded(model.TCP, "0.0.0.0:8081", "10.88.0.5:80"),
		forwarded(model.UDP, "127.0.0.1:53", "10.88.0.5:53"),
		forwarded(model.TCP, "[::]:8081", "[fd00::5]:80"),
		forwarded(model.TCP, "0.0.0.0:8081", "10.88.0.6:80"),
		forwarded(model.UDP, "127.0.0.1:53", "10.88.0.6:53"),
		forwarded(model.TCP, "[::]:8081", "[fd00::5]:80"),
	}
	if diff := cmp.Diff(want, found, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if err := os.RemoveAll(filepath.Join(root, "var/lib/cni")); err != nil {
		t.Fatal(err)
	}
	if found, err := cni.read(time.Unix(2, 0)); len(found) != len(want) || err != nil {
		t.Errorf("it went to the disk after a second: %v %v", found, err)
	}
	if found, err := cni.read(time.Unix(40, 0)); len(found) != 0 || err != nil {
		t.Errorf("nothing is left: %v %v", found, err)
	}
	write(t, root, "var/lib/cni/results/large", strings.Repeat("x", cniBytes+1))
	write(t, root, "var/lib/cni/results/podman-x-eth0", cniResult)
	if found, err := cni.read(time.Unix(80, 0)); len(found) != 3 || !errors.Is(err, errCNI) {
		t.Errorf("beside a large file: %v %v", found, err)
	}
}

func FuzzParseCNI(f *testing.F) {
	f.Add([]byte(cniResult))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, p := range parseCNI(content) {
			if !p.Host.IsValid() || !p.Target.IsValid() || p.Host.Port() == 0 || p.Target.Port() == 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
