package hostfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/fingerprint"
)

// scannedTime is how long the installed programs are scanned where nobody asked for all.
const scannedTime = 3 * time.Second

// TestInstalledPrograms holds that no program of this machine is called a miner, but for
// RandomX itself and Monero's own. SCANNED lists what is scanned, as in PATH, and asks
// for all of it: `make e2e` scans everything that is installed, and the exporter.
func TestInstalledPrograms(t *testing.T) {
	t.Parallel()
	all, asked := os.LookupEnv("SCANNED")
	if !asked {
		all = "/usr/bin"
	}
	contains := regexp.MustCompile(`/(librandomx|monero|p2pool)[^/]*$`) // RandomX, and says so
	matcher := fingerprint.NewMatcher()
	names := make(chan string)
	var workers sync.WaitGroup
	var mutex sync.Mutex
	programs, bytes := 0, int64(0)
	for range 2 {
		workers.Go(func() {
			for name := range names {
				content, size, ok := readProgram(name, matcher)
				if !ok {
					continue
				}
				mutex.Lock()
				programs++
				bytes += size
				mutex.Unlock()
				if facts := &content.Facts; (facts.RandomX || facts.MinerWords != nil || facts.Node) && !contains.MatchString(name) {
					t.Errorf("%s: %+v", name, *facts)
				}
			}
		})
	}
	began := time.Now()
	for _, root := range filepath.SplitList(all) {
		if _, err := os.Lstat(root); os.IsNotExist(err) {
			continue // as /lib/modules in a container
		}
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err == nil && entry.Type().IsRegular():
				names <- name
			case os.IsNotExist(err) && name != root:
				return nil // removed meanwhile
			}
			if !asked && time.Since(began) > scannedTime {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", root, err)
		}
	}
	close(names)
	workers.Wait()
	if programs == 0 {
		t.Error("no program was scanned")
	}
	t.Logf("%d programs, %d MiB", programs, bytes>>20)
}

// readProgram reads a file, if it is ELF.
func readProgram(name string, matcher *fingerprint.Matcher) (content Content, size int64, ok bool) {
	file, err := OpenLocal(name)
	if err != nil {
		return Content{}, 0, false
	}
	defer file.Close()
	head := make([]byte, 4)
	if _, err := file.ReadAt(head, 0); err != nil || string(head) != "\x7fELF" {
		return Content{}, 0, false
	}
	stat, err := Stat(file)
	if err != nil {
		return Content{}, 0, false
	}
	content, err = ReadContent(file, stat.Size, matcher)
	return content, min(stat.Size, HashLimit), err == nil
}
