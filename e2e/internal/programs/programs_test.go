package programs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStop(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ended(); err != nil || p.CPUTime() != 0 {
		t.Errorf("it runs, but %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := p.Ended(); err == nil || !strings.Contains(err.Error(), "sleep") || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("it was stopped: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}

func TestKillGroup(t *testing.T) {
	t.Parallel()
	// The shell ends at once, and what it has started goes on.
	p, err := Start(exec.Command("sh", "-c", "sleep 600 >/dev/null 2>&1 &"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.KillGroup(); err != nil {
		t.Error(err)
	}
}

func TestServerThatEnds(t *testing.T) {
	t.Parallel()
	server, err := StartServer(t.Context(), exec.Command("false"), "/")
	if err == nil || !strings.Contains(err.Error(), "exit status 1") || server != nil {
		t.Errorf("%v, %v", server, err)
	}
}

func TestEventually(t *testing.T) {
	t.Parallel()
	left := 3
	if err := Eventually(t.Context(), time.Minute, "it counts", func() error {
		if left--; left > 0 {
			return errors.New("not yet")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	never := func() error { return errors.New("not yet") }
	if err := Eventually(t.Context(), 0, "it counts", never); err == nil || err.Error() != "it counts: not within 0s: not yet" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Eventually(ctx, time.Minute, "it counts", never); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "copy")
	if err := Copy("/bin/true", to, "mark"); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(to).Run(); err != nil {
		t.Error(err)
	}
	if err := Copy("/bin/true", to, "mark"); !errors.Is(err, os.ErrExist) {
		t.Errorf("written over: %v", err)
	}
}
