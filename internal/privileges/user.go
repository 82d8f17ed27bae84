package privileges

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/passwd"
)

// The ids among which a user is chosen where the host has none for this program: systemd's table of user ids
// (systemd.io/UIDS-GIDS) leaves them to nobody, useradd(8) and adduser(8) give out lower ones, and they are below 65536, so
// that a container has them too. Not 65534: whoever runs as nobody could stop this program.
const (
	firstFree = 60578
	lastFree  = 61183
)

// User is whom this program runs as.
type User struct {
	Name     string // "" if the host knows no name for it
	UID, GID uint32
}

// ParentDeathSignal is the signal that the kernel sends to this program when its parent ends (PR_SET_PDEATHSIG of prctl(2)), or 0.
// Only the first thread knows, in which main begins.
func ParentDeathSignal() uintptr {
	var signal int32
	if err := unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0, 0, 0); err != nil {
		return 0
	}
	return uintptr(signal)
}

// Become changes root to another user, without supplementary groups: the one of this name if the host whose root directory
// and procfs are given has it, else one whose id nobody uses. It keeps the capabilities, none of them effective, see Drop.
//
// It fails, and changes nothing, where a capability is missing that it takes, or one without which the other user would
// see less than root: root may read its own files whatever its capabilities. The kernel forgets the signal of
// ParentDeathSignal with the user, so it is set again.
//
// Files that are given become that user's, as far as root may give files away here (CAP_CHOWN), so that he may open them again.
func Become(name, root, procfs string, parentDeath uintptr, files ...*os.File) (User, error) {
	if lacking := missing(cap.SETUID, cap.SETGID, cap.DAC_READ_SEARCH, cap.SYS_PTRACE); lacking != "" {
		return User{}, fmt.Errorf("change the user, for which it lacks %s", lacking)
	}
	user, err := choose(name, root, procfs)
	if err != nil {
		return User{}, fmt.Errorf("choose a user to run as: %w", err)
	}
	for _, file := range files {
		_ = file.Chown(int(user.UID), int(user.GID)) // what is open stays so
	}
	groups := os.Getegid()
	if err := cap.SetGroups(int(user.GID)); err != nil {
		return User{}, fmt.Errorf("change the group to %d: %w", user.GID, err)
	}
	if err := cap.SetUID(int(user.UID)); err != nil {
		return User{}, errors.Join(fmt.Errorf("change the user to %d: %w", user.UID, err), cap.SetGroups(groups))
	}
	if parentDeath != 0 {
		_, _ = cap.Prctlw(unix.PR_SET_PDEATHSIG, parentDeath) // the kernel itself gave the number
	}
	return user, nil
}

// choose picks the user. The same host without a change has the same answer.
func choose(name, root, procfs string) (User, error) {
	users := passwd.New(root)
	_ = users.Refresh() // a container's image may have no passwd(5), and what of a huge one was read will do
	taken := map[uint32]bool{}
	if table := users.Table(); table != nil {
		for _, user := range table.Users {
			if user.Name == name && user.UID != 0 && user.GID != 0 {
				return User{Name: name, UID: user.UID, GID: user.GID}, nil
			}
			taken[user.UID] = true
		}
	}
	mapped, err := usedIDs(root, procfs, taken)
	if err != nil {
		return User{}, err
	}
	// Where a user namespace maps all of them, one that no process uses has to do.
	for _, avoided := range [][]idRange{mapped, nil} {
		for id := uint32(firstFree); id <= lastFree; id++ {
			if !taken[id] && !within(id, avoided) {
				return User{UID: id, GID: id}, nil
			}
		}
	}
	return User{}, fmt.Errorf("each id from %d to %d is in use: add a user %s to the host", firstFree, lastFree, name)
}

// idRange is a range of user ids.
type idRange struct{ first, count uint64 }

func within(id uint32, ranges []idRange) bool {
	for _, r := range ranges {
		if uint64(id) >= r.first && uint64(id)-r.first < r.count {
			return true
		}
	}
	return false
}

// usedIDs adds the users of all processes to taken, and returns what user namespaces map, or may map: a process in such a
// namespace can become one of these users.
func usedIDs(root, procfs string, taken map[uint32]bool) ([]idRange, error) {
	var mapped []idRange
	if content, err := os.ReadFile(filepath.Join(root, "etc/subuid")); err == nil { // without it nobody may map others
		mapped = appendRanges(mapped, string(content), ":")
	}
	entries, err := os.ReadDir(procfs)
	if err != nil {
		return nil, fmt.Errorf("see whose processes there are: %w", err)
	}
	own, _ := os.ReadFile(filepath.Join(procfs, "self/uid_map"))
	seen := map[string]bool{string(own): true}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		status, err := os.ReadFile(filepath.Join(procfs, entry.Name(), "status"))
		if err != nil {
			continue // it has ended
		}
		for _, id := range usersOf(string(status)) {
			taken[id] = true
		}
		ids, err := os.ReadFile(filepath.Join(procfs, entry.Name(), "uid_map"))
		if err == nil && !seen[string(ids)] {
			seen[string(ids)] = true
			mapped = appendRanges(mapped, string(ids), "")
		}
	}
	return mapped, nil
}

// usersOf reads real, effective, saved and file system user of proc_pid_status(5). A name cannot begin a line: the kernel
// escapes it.
func usersOf(status string) []uint32 {
	_, line, _ := strings.Cut(status, "\nUid:")
	line, _, _ = strings.Cut(line, "\n")
	var users []uint32
	for field := range strings.FieldsSeq(line) {
		if id, err := strconv.ParseUint(field, 10, 32); err == nil {
			users = append(users, uint32(id))
		}
	}
	return users
}

// appendRanges reads lines of user_namespaces(7) or, with ":" between fields, subuid(5): the second field is the first
// id outside of the namespace, the third is how many.
func appendRanges(ranges []idRange, content, separator string) []idRange {
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if separator != "" {
			fields = strings.Split(strings.TrimSpace(line), separator)
		}
		if len(fields) != 3 {
			continue
		}
		first, err := strconv.ParseUint(fields[1], 10, 32)
		count, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err == nil && err2 == nil {
			ranges = append(ranges, idRange{first, count})
		}
	}
	return ranges
}
