package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFindingsInTheJournal: events reach the socket of the journal, although the exporter has left root and filters its system calls. The socket is one of
// the test, in a mount namespace of the exporter's own.
func TestFindingsInTheJournal(t *testing.T) {
	directory := t.TempDir()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(directory, "socket"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing is buffered
	for _, path := range []string{directory, filepath.Join(directory, "socket")} {
		if err := os.Chmod(path, 0o777); err != nil { // as systemd's
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var messages []string
	go func() {
		buffer := make([]byte, 1<<20)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			mu.Lock()
			messages = append(messages, string(buffer[:n]))
			mu.Unlock()
		}
	}()
	startServer(t, exec.Command("unshare", "--mount", "sh", "-c",
		"mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "+directory+` /run/systemd/journal && exec "$0" "$@"`,
		program(t, "cryptojack_exporter"), askNobody(t), "--findings.log=journald"))
	_, exe, _ := notifiedAttacks()[0].start(t, 98)
	eventually(t, 30*time.Second, "an event in the journal", func() error {
		mu.Lock()
		defer mu.Unlock()
		for _, message := range messages {
			if strings.Contains(message, "\nCRYPTOJACK_EXE="+exe+"\n") && strings.Contains(message, "\nCRYPTOJACK_ACTION=raised\n") {
				for _, field := range []string{"MESSAGE=CRITICAL: ", "\nMESSAGE_ID=", "\nPRIORITY=2\n", "\nCRYPTOJACK_EVENT={"} {
					if !strings.Contains(message, field) {
						return fmt.Errorf("no %q in %q", field, message)
					}
				}
				return nil
			}
		}
		return errors.Join(errors.New("none came"), fmt.Errorf("%d messages", len(messages)))
	})
}
