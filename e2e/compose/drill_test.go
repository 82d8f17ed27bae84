package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// playDrill runs the script of the drill for some seconds, as its container does: as its user, without a network, in a pid
// namespace that ends with it, with empty /tmp and /var/tmp of its own.
func playDrill(t *testing.T, drill types.ServiceConfig, seconds string) (*output, <-chan error) {
	t.Helper()
	script := outside(drill, drill.Command[1], ownSource)
	uid, gid, _ := strings.Cut(drill.User, ":")
	// The script may lie in a directory that this user cannot enter.
	content, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc",
		`mount -t tmpfs -o mode=1777 tmpfs /tmp; mount -t tmpfs -o mode=1777 tmpfs /var/tmp
		exec setpriv --reuid="$1" --regid="$2" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs sh -c "$3"`, "sh", uid, gid, string(content))
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DRILL_SECONDS=" + seconds}
	return begin(t, command)
}

// TestDrillEnds: it is over by itself, and says so. It is not parallel: TestDrill would take its program for the same suspect.
func TestDrillEnds(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for namespaces")
	}
	said, ended := playDrill(t, service(t, load(t), "drill"), "1")
	select {
	case err := <-ended:
		if err != nil || said.String() != "the drill is over\n" {
			t.Errorf("%v, it says %q", err, said)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

// killDrill kills the process of a pid as somebody on the host does who looks at top(1), if it is the drill's.
func killDrill(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.ParseFloat(pid, 64)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(int(number)), "exe"))
	if err != nil || exe != "/tmp/kdevtmpfsi" {
		t.Fatalf("pid %d runs %s, %v", int(number), exe, err)
	}
	if err := syscall.Kill(int(number), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
