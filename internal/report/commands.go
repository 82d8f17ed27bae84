package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/text"
)

// The commands of the plan are run by root, some time after the report, while whoever
// is reported may still change names, links and files of his own. So each first looks
// whether it meets what was reported, and does nothing else:
//
//   - a directory that a user may change is entered before it is asked what it is called.
//     A link on the way shows, and one that is put there later leads nowhere: what
//     follows goes on in the directory that was asked;
//   - a file is removed by its inode, a line changed only in a file with the content that
//     was read, a process killed only if it is as old as the one that was seen;
//   - what is kept goes into a new directory that nobody else may enter.
//
// They need sh and the tools of POSIX, readlink, sha256sum, mktemp and stat as GNU and
// busybox have them. A name that cannot be shown is left out, and its file found by inode;
// where none is known it is written as $'..', which every shell but dash reads.

// makeEvidence makes the directory that holds what is kept. It has the mode 0700.
const makeEvidence = "evidence=$(mktemp -d ~/evidence.XXXXXX)"

// inEvidence is that directory. The shell refuses a command where none was made.
const inEvidence = `"${evidence:?}"/`

// kept is the name under which something is kept.
func kept(name string) string { return inEvidence + shellWord(name) }

// keptName names a file after its own name, and after its path, so that two never have one.
func keptName(kind model.PersistenceKind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return string(kind) + "-" + path.Base(name) + "-" + hex.EncodeToString(sum[:3])
}

// inDirectory runs a command in a directory, unless that is not what its path says.
func inDirectory(directory, command string) string {
	word := shellWord(directory)
	if !isShown(directory) {
		// Between such quotes a shell that is typed to would put in what was typed before for a !.
		format := strings.NewReplacer("%", "%%", "!", `\041`).Replace(strings.TrimPrefix(shellQuote(directory), "$"))
		word = `"$(printf ` + format + `)"`
	}
	return fmt.Sprintf(`(cd %s && [ "$(readlink /proc/self/cwd)" = %s ] && %s)`, word, word, command)
}

// relative names a file of the current directory.
func relative(name string) string {
	if base := path.Base(name); !strings.HasPrefix(base, "-") {
		return shellWord(base)
	}
	return shellWord("./" + path.Base(name))
}

// isShown tells whether a name can be shown as it is.
func isShown(name string) bool { return text.Escape(name) == name }

// findFile does something with a file of the host: action is one of find(1). user is its
// owner, "" if that is not known.
func findFile(name string, id model.FileID, user, action string) string {
	tests := ""
	if base := path.Base(name); isShown(base) {
		tests = " -name " + shellWord(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(base))
	} else if user != "" {
		tests = " -user " + shellWord(user) // the name does not speak for it
	}
	return inDirectory(path.Dir(name), fmt.Sprintf("find . -maxdepth 1 -type f%s -inum %d %s", tests, id.Inode, action))
}

// removeFile removes a file of the host. To remove a name never follows a link.
func removeFile(name string, id model.FileID, user string) string {
	if id == (model.FileID{}) {
		return inDirectory(path.Dir(name), "rm "+relative(name))
	}
	return findFile(name, id, user, `-exec rm {} \;`)
}

// removeInContainer removes a file as a process of its container sees it. An absolute link
// in there leads to the host's files, so device and inode have to be those of the file.
func removeInContainer(pid int, name string, id model.FileID) string {
	directory := path.Dir(name)
	return fmt.Sprintf(`(cd %s && [ "$(readlink /proc/self/cwd)" = %s ] && stat -c %%d:%%i %s | grep -qx %d:%d && rm %s)`,
		shellWord(fmt.Sprintf("/proc/%d/root%s", pid, directory)), shellWord(directory), relative(name), id.Dev, id.Inode, relative(name))
}

// keepFile copies a program that does not run: no link, and nothing that has no end.
func keepFile(p *model.Process, as string) string {
	if p.ExeFile == (model.FileID{}) {
		return inDirectory(path.Dir(p.Exe), fmt.Sprintf("[ -f %s ] && cp -P %s %s", relative(p.Exe), relative(p.Exe), kept(as)))
	}
	return findFile(p.Exe, p.ExeFile, ownerOf(p), fmt.Sprintf(`-exec cp -P {} %s \;`, kept(as)))
}

// ownerOf is the owner of a program, by number.
func ownerOf(p *model.Process) string { return strconv.FormatUint(uint64(p.ExeOwner.UID), 10) }

// moveAway keeps the file of an entry as a whole, so that it starts nothing any more.
func moveAway(entry *model.PersistenceEntry) string {
	to := kept(keptName(entry.Kind, entry.Path))
	if isRoots(entry) {
		return "mv " + shellWord(entry.Path) + " " + to
	}
	return inDirectory(path.Dir(entry.Path), "mv "+relative(entry.Path)+" "+to)
}

// editLines changes lines of one file with a script of sed(1), all at once: after a first
// line was deleted on its own, the others would have other numbers.
func editLines(entry *model.PersistenceEntry, script string) string {
	file := shellWord(entry.Path)
	if !isRoots(entry) {
		file = relative(entry.Path)
	}
	command := fmt.Sprintf("sha256sum < %s | grep -q ^%s && sed -i %s %s", file, entry.FileHash, shellWord(script), file)
	if isRoots(entry) {
		return command
	}
	return inDirectory(path.Dir(entry.Path), command)
}

// isRoots tells whether only root changes what lies in the directory of an entry, and above
// it. A user fills his crontab, and its directory is the system's.
func isRoots(entry *model.PersistenceEntry) bool {
	return entry.Owner == "" || entry.Kind == model.PersistenceUserCrontab
}

// kill ends processes, unless a pid is somebody else's by now: that would be younger. What
// keeps another alive is ended together with it.
func kill(processes []model.Identity) []string {
	var commands []string
	for some := range slices.Chunk(processes, maxPIDs) {
		if len(some) == 1 {
			commands = append(commands, fmt.Sprintf("%s /proc/%d/stat && kill -9 %d", startedAt(some), some[0].PID, some[0].PID))
			continue
		}
		pids := make([]string, len(some))
		for i := range some {
			pids[i] = strconv.Itoa(some[i].PID)
		}
		commands = append(commands, fmt.Sprintf("kill -9 $(for p in %s; do %s /proc/$p/stat && echo $p; done)", strings.Join(pids, " "), startedAt(some)))
	}
	return commands
}

// startedAt finds the start of one of the processes in the 22nd field of a stat
// (proc_pid_stat(5)). The name in the second may hold blanks and brackets, and is too short
// to look like the nineteen fields between. That another process has a pid and the start of one that
// was seen with the other pids cannot be: the pid was taken then.
func startedAt(processes []model.Identity) string {
	var starts []string
	for _, process := range processes {
		starts = appendNew(starts, strconv.FormatUint(process.StartTime, 10))
	}
	pattern := starts[0]
	if len(starts) > 1 {
		pattern = "(" + strings.Join(starts, "|") + ")"
	}
	return fmt.Sprintf(`grep -Eqs '\) ([^ ]+ ){19}%s '`, pattern)
}
