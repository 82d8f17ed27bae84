package privileges

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

const none = "0000000000000000"

// TestDrop: nothing is left, and nothing comes back, in any thread.
func TestDrop(t *testing.T) {
	t.Parallel()
	want := map[string]string{"CapPrm": none, "CapEff": none, "CapInh": none, "CapAmb": none, "NoNewPrivs": "1", "core": "0 0 bytes", "dumpable": "0"}
	if os.Geteuid() == 0 {
		want["CapBnd"] = none // takes CAP_SETPCAP
	}
	told := play(t, "drop")
	if len(told["CapPrm"]) < 2 {
		t.Fatalf("%d threads", len(told["CapPrm"]))
	}
	expect(t, told, want)
}

// TestTakeUp: what is permitted, as by a file's capabilities, is in force afterwards in all threads.
func TestTakeUp(t *testing.T) {
	t.Parallel()
	told := play(t, "take up")
	if before := told["said"][0]; before != "0" {
		t.Fatalf("%s capabilities are in force before", before)
	}
	if permitted := told["CapPrm"][0]; os.Geteuid() == 0 && permitted == none {
		t.Fatal("root has no capabilities")
	}
	expect(t, told, map[string]string{"CapEff": told["CapPrm"][0], "CapPrm": told["CapPrm"][0]})
}

// TestBecome: root is another user afterwards, in all threads, without groups, and nothing of root's is writable any more.
func TestBecome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if _, err := Become("x", "/", "/proc", 0); err == nil {
			t.Error("somebody who is not root became another user")
		}
		t.Skip("needs root, to become another user")
	}
	user, err := choose("nobody-has-this-name", "/nowhere", "/proc")
	if err != nil {
		t.Fatal(err)
	}
	told := play(t, "become", "ROOT=/nowhere")
	var uid, gid string
	if _, err := fmt.Sscan(told["said"][0], &uid, &gid); err != nil {
		t.Fatal(err)
	}
	if len(told["Uid"]) < 2 || user.UID < firstFree || user.UID > lastFree {
		t.Errorf("user %d, %d threads", user.UID, len(told["Uid"]))
	}
	if told["writable"] != nil || told["tried"] == nil {
		t.Errorf("it may still write to %v", told["writable"])
	}
	expect(t, told, map[string]string{
		"Uid": strings.Join([]string{uid, uid, uid, uid}, " "), "Gid": strings.Join([]string{gid, gid, gid, gid}, " "), "Groups": "",
		"CapPrm": none, "CapEff": none, "CapBnd": none, "parent": fmt.Sprint(int(syscall.SIGTERM)),
	})
}
