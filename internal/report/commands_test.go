package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// host is a scratch directory with files as the report names them, and a victim's file
// that no command may touch.
type host struct {
	*testing.T
	directory, victims, victim string
	home                       string // of the one who runs the commands
}

const secret = "secret\n"

func newHost(t *testing.T) *host {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &host{T: t, directory: top + "/of-eve", victims: top + "/etc", home: top + "/root"}
	for _, directory := range []string{h.directory, h.victims, h.home} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.victim = h.victims + "/miner"
	h.write(h.victim, secret)
	return h
}

func (h *host) write(name, content string) {
	h.Helper()
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
		h.Fatal(err)
	}
}

func (h *host) id(name string) model.FileID {
	h.Helper()
	var stat unix.Stat_t
	if err := unix.Lstat(name, &stat); err != nil {
		h.Fatal(err)
	}
	return model.FileID{Dev: stat.Dev, Inode: stat.Ino}
}

// swapForLink is the attack: the directory that the report names leads to the victim's.
func (h *host) swapForLink() {
	h.Helper()
	if err := errors.Join(os.Rename(h.directory, h.directory+"-away"), os.Symlink(h.victims, h.directory)); err != nil {
		h.Fatal(err)
	}
}

// run runs commands as root would: in a directory that somebody else may write to.
func (h *host) run(shell []string, commands ...string) string {
	h.Helper()
	script := strings.Join(commands, "\n")
	command := exec.Command(shell[0], append(shell[1:], "-c", script)...)
	command.Dir = h.directory
	command.Env = append(os.Environ(), "HOME="+h.home)
	out, _ := command.CombinedOutput() // a command that refuses fails
	h.Logf("%s\n%s", script, out)
	return string(out)
}

func (h *host) contains(name, want string) {
	h.Helper()
	if content, err := os.ReadFile(name); err != nil || string(content) != want {
		h.Errorf("%s holds %q (%v), want %q", name, content, err, want)
	}
}

func (h *host) isGone(name string) {
	h.Helper()
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		h.Errorf("%s is still there: %v", name, err)
	}
}

// kept reads what was kept under a name.
func (h *host) kept(name string) string {
	h.Helper()
	directories, err := filepath.Glob(h.home + "/evidence.*")
	if err != nil || len(directories) != 1 {
		h.Fatalf("directories of evidence: %q %v", directories, err)
	}
	if info, err := os.Stat(directories[0]); err != nil || info.Mode().Perm() != 0o700 {
		h.Errorf("its mode: %v %v", info, err)
	}
	content, err := os.ReadFile(directories[0] + "/" + name)
	if err != nil {
		h.Error(err)
	}
	return string(content)
}

// inEveryShell runs a test in the shells that are there: each has a host of its own.
func inEveryShell(t *testing.T, test func(h *host, shell []string)) {
	t.Helper()
	for _, name := range []string{"bash", "dash", "busybox"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(name)
			if err != nil {
				t.Skip(err)
			}
			shell := []string{program}
			if name == "busybox" { // with its own tools, as on Alpine
				tools := t.TempDir()
				for _, tool := range []string{"sh", "readlink", "find", "rm", "mv", "cp", "stat", "sed", "sha256sum", "mktemp", "grep", "kill", "[", "echo"} {
					if err := os.Symlink(program, tools+"/"+tool); err != nil {
						t.Fatal(err)
					}
				}
				shell = []string{"/usr/bin/env", "PATH=" + tools, tools + "/sh"}
			}
			test(newHost(t), shell)
		})
	}
}

// someNames are what a file may be called.
func someNames() []string {
	return []string{"miner", "it's", `"$(id)`, "-rf", "a b", "*", "[a]", `back\slash`, "a\nb", "\xff\x1b[31m", "münze", "a\n"}
}

func TestFilesAreRemoved(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		user := strconv.Itoa(os.Getuid())
		for _, base := range someNames() {
			name, bystander := h.directory+"/"+base, h.directory+"/bystander"
			h.write(name, "x")
			h.write(bystander, "y")
			h.run(shell, removeFile(name, h.id(name), user))
			h.isGone(name)
			h.contains(bystander, "y")
		}
		deep := h.directory + "/%d!\xff\n\\'x"
		if err := os.Mkdir(deep, 0o755); err != nil {
			h.Fatal(err)
		}
		h.write(deep+"/miner", "x")
		h.run(shell, removeFile(deep+"/miner", h.id(deep+"/miner"), user))
		h.isGone(deep + "/miner")
		h.write(h.directory+"/-rf", "x") // its inode is not known
		h.run(shell, removeFile(h.directory+"/-rf", model.FileID{}, ""))
		h.isGone(h.directory + "/-rf")
		h.contains(h.victim, secret)
	})
}

// TestSwappedFilesAreNotRemoved: what has taken the place of a file, or of its directory,
// since the report is left alone, also where it has the file's name and inode number.
func TestSwappedFilesAreNotRemoved(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		name := h.directory + "/miner"
		h.write(name, "x")
		reported := []string{
			removeFile(name, h.id(name), ""), removeFile(name, model.FileID{}, ""),
			removeFile(name, h.id(h.victim), ""), // a bind mount or hard link showed the victim's own file under that path
			removeFile(h.directory+"/a\nb", h.id(h.victim), strconv.Itoa(os.Getuid())),
		}
		if err := os.Rename(name, name+"-away"); err != nil {
			h.Fatal(err)
		}
		h.write(name, "another")
		h.run(shell, reported[0])
		h.contains(name, "another")
		h.swapForLink()
		for _, command := range reported {
			h.run(shell, command)
			h.contains(h.victim, secret)
		}
	})
}

// TestASwapMeanwhileDoesNoHarm exchanges the directory for a link as fast as it can while
// the command runs.
func TestASwapMeanwhileDoesNoHarm(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	link := h.directory + "-link"
	if err := os.Symlink(h.victims, link); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, h.directory, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	}()
	command := removeFile(h.directory+"/miner", h.id(h.victim), "")
	out, _ := exec.Command("sh", "-c", "for i in $(seq 150); do "+command+"; done").CombinedOutput()
	close(stop)
	<-stopped
	t.Logf("%s: %d bytes", command, len(out))
	h.contains(h.victim, secret)
}

func TestProgramsAreKept(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		h.write(h.directory+"/-miner", "x")
		p := &model.Process{Exe: h.directory + "/-miner", ExeFile: h.id(h.directory + "/-miner"), ExeOwner: model.FileOwner{UID: uint32(os.Getuid())}}
		unknown := &model.Process{Exe: p.Exe}
		// The attack on a fixed name: a link waits where the copy would go.
		if err := os.Symlink(h.victim, h.directory+"/evidence"); err != nil {
			h.Fatal(err)
		}
		h.run(shell, makeEvidence, "cp /proc/$$/exe "+kept("running"), keepFile(p, "ended"), keepFile(unknown, "unknown"))
		if h.kept("ended") != "x" || h.kept("unknown") != "x" || len(h.kept("running")) < 1000 {
			h.Error("a copy is not what was to be kept")
		}
		h.contains(h.victim, secret)
		if out := h.run(shell, keepFile(p, "again")); !strings.Contains(out, "evidence") {
			h.Errorf("without a directory it says %q", out)
		}
		h.isGone("/again")
	})
}

// TestSwappedProgramsAreNotKept: neither what is somebody else's secret, nor what never ends.
func TestSwappedProgramsAreNotKept(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		name := h.directory + "/miner"
		h.write(name, "x")
		p := &model.Process{Exe: name, ExeFile: h.id(name)}
		unknown := &model.Process{Exe: name}
		if err := errors.Join(os.Remove(name), unix.Mkfifo(name, 0o600)); err != nil {
			h.Fatal(err)
		}
		h.run(shell, makeEvidence, keepFile(p, "ended"), keepFile(unknown, "unknown"))
		h.swapForLink()
		h.run(shell, "evidence="+h.home, keepFile(p, "ended"), keepFile(unknown, "unknown"))
		h.isGone(h.home + "/ended")
		h.isGone(h.home + "/unknown")
	})
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

func TestLinesAreChanged(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		for _, owner := range []string{"", "eve"} { // one command for the files of root, one for those of users
			for _, base := range []string{"crontab", ".bashrc", "-e", "it's", "a b"} {
				name, text := h.directory+"/"+base, "one\ntwo\nthree\nfour"
				h.write(name, text)
				entry := &model.PersistenceEntry{Path: name, Owner: owner, Line: 2, FileHash: hashOf(text)}
				h.run(shell, editLines(entry, "2s/^/# /;4s/^/# /"))
				h.contains(name, "one\n# two\nthree\n# four")
				h.run(shell, editLines(entry, "2s/^/# /;4s/^/# /")) // twice: it is another file by now
				h.contains(name, "one\n# two\nthree\n# four")
			}
			preload, text := h.directory+"/preload", "one\ntwo\nthree\n"
			h.write(preload, text)
			h.run(shell, editLines(&model.PersistenceEntry{Path: preload, Owner: owner, FileHash: hashOf(text)}, "1d;2d"))
			h.contains(preload, "three\n")
		}
	})
}

func TestChangedLinesAreLeftAlone(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		name := h.directory + "/miner"
		h.write(name, "good\none\ntwo\n") // a line was added since
		for _, owner := range []string{"", "eve"} {
			h.run(shell, editLines(&model.PersistenceEntry{Path: name, Owner: owner, FileHash: hashOf("one\ntwo\n")}, "2s/^/# /"))
			h.contains(name, "good\none\ntwo\n")
		}
		h.swapForLink() // and the victim's file has the same content
		h.run(shell, editLines(&model.PersistenceEntry{Path: name, Owner: "eve", FileHash: hashOf(secret)}, "1s/^/# /"))
		h.contains(h.victim, secret)
	})
}

func TestEntriesAreMovedAway(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		var commands []string
		for _, directory := range []string{"/hourly", "/daily"} { // of two files with one name none is lost
			if err := os.Mkdir(h.directory+directory, 0o755); err != nil {
				h.Fatal(err)
			}
			for _, owner := range []string{"", "eve"} {
				name := h.directory + directory + "/-x " + owner
				h.write(name, name)
				commands = append(commands, moveAway(&model.PersistenceEntry{Kind: model.PersistenceCronScript, Path: name, Owner: owner}))
			}
		}
		h.run(shell, append([]string{makeEvidence}, commands...)...)
		for _, directory := range []string{"/hourly", "/daily"} {
			for _, owner := range []string{"", "eve"} {
				name := h.directory + directory + "/-x " + owner
				h.isGone(name)
				if kept := h.kept(keptName(model.PersistenceCronScript, name)); kept != name {
					h.Errorf("kept %q of %q", kept, name)
				}
			}
		}
		h.write(h.directory+"/miner", "x")
		command := moveAway(&model.PersistenceEntry{Kind: model.PersistenceAutostart, Path: h.directory + "/miner", Owner: "eve"})
		h.swapForLink()
		h.run(shell, "evidence="+h.home, command)
		h.contains(h.victim, secret)
	})
}

// startOf reads the start of a process as the report knows it.
func startOf(t *testing.T, pid int) model.Identity {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return model.Identity{PID: pid, StartTime: start}
}

// sleeper is a process that calls itself what it likes.
func sleeper(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	path := t.TempDir() + "/" + name
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(sleep, path); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	return command
}

func TestProcessesAreKilled(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		var some []model.Identity
		var started []*exec.Cmd
		for _, name := range []string{"x", ") S 1 2 3 4", "((", "a b) c"} {
			command := sleeper(h.T, name)
			started = append(started, command)
			some = append(some, startOf(h.T, command.Process.Pid))
		}
		h.run(shell, append(kill(some[:1]), kill(some[1:])...)...)
		for _, command := range started {
			_ = command.Wait()
			if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				h.Errorf("%s: %v", command.Path, command.ProcessState)
			}
		}
	})
}

// TestReusedPidsAreNotKilled: the pid belongs to a process that began at another time.
func TestReusedPidsAreNotKilled(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		first, second := sleeper(h.T, "one"), sleeper(h.T, "two")
		var reported []model.Identity
		for _, command := range []*exec.Cmd{first, second} {
			is := startOf(h.T, command.Process.Pid)
			is.StartTime-- // what was reported began before
			if is.StartTime == startOf(h.T, first.Process.Pid).StartTime {
				is.StartTime -= 1000
			}
			reported = append(reported, is)
		}
		h.run(shell, append(kill(reported[:1]), kill(reported)...)...)
		for _, command := range []*exec.Cmd{first, second} {
			if err := command.Process.Signal(syscall.Signal(0)); err != nil {
				h.Errorf("%s: %v", command.Path, err)
			}
		}
	})
}

// inContainer starts a process with mounts of its own, that has a directory that the host
// has too.
func inContainer(h *host) int {
	h.Helper()
	command := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs none "$1" && echo x >"$1/miner" && ln -s "$2" "$1/link" && ln -s "$1" "$1/same" && echo ready && exec sleep 60`, "sh", h.directory, h.victims)
	out, err := command.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	if err := command.Start(); err != nil {
		h.Skip(err)
	}
	h.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	ready := make([]byte, 6)
	if n, err := out.Read(ready); err != nil || string(ready[:n]) != "ready\n" {
		h.Skipf("no mount namespace can be made here: %v", err)
	}
	return command.Process.Pid
}

func TestFilesOfContainersAreRemoved(t *testing.T) {
	t.Parallel()
	inEveryShell(t, func(h *host, shell []string) {
		pid := inContainer(h)
		inside := "/proc/" + strconv.Itoa(pid) + "/root" + h.directory
		h.write(h.directory+"/miner", "the host's")
		id := h.id(inside + "/miner")
		// Absolute links in the container lead out of it, to the host's files.
		h.run(shell, removeInContainer(pid, h.directory+"/link/miner", h.id(h.victim)), removeInContainer(pid, h.directory+"/link/miner", id),
			removeInContainer(pid, h.directory+"/same/miner", h.id(h.directory+"/miner")))
		h.contains(inside+"/miner", "x\n")
		h.run(shell, removeInContainer(pid, h.directory+"/miner", id))
		h.isGone(inside + "/miner")
		h.contains(h.directory+"/miner", "the host's")
		h.contains(h.victim, secret)
	})
}
