// Package passwd reads the users of the host that is looked at from its passwd(5)
// file. The host need not be the exporter's own, and the users of a container are
// in another file, so that a container's uid must never be looked up here.
package passwd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/hostfs"
)

const (
	// What is known of each user, and of each home, takes some 300 bytes: a file that is all users
	// may take 20 MiB in all.
	maxBytes = 4 << 20 // read of the file
	maxUsers = 1 << 16 // kept of it
)

// User is one line of passwd(5).
type User struct {
	Name  string
	UID   uint32
	GID   uint32 // 0 if the line has none
	Home  string // as it is written; "" if the line has none
	Shell string
}

// Users are those of one host, as the file was when it was last read. Its methods
// may be called by several goroutines.
type Users struct {
	root  string
	table atomic.Pointer[Table]
}

// Table is what the file held at one time. It never changes.
type Table struct {
	Users []User // in the order of the file

	names map[uint32]string
	key   hostfs.ContentKey
	err   error // why it is not the whole file
}

// New returns the users of the host whose root directory is root. Nobody is known
// before the first Refresh.
func New(root string) *Users { return &Users{root: root} }

// Refresh reads the file again if it changed; if not, it costs a few system calls.
// What was known stays while the file cannot be read. The error of a file that is
// longer than is read wraps hostfs.ErrLimit: its first part is known.
func (u *Users) Refresh() error {
	if err := u.refresh(); err != nil {
		return fmt.Errorf("read the users of /etc/passwd: %w", err)
	}
	return nil
}

func (u *Users) refresh() error {
	root, err := hostfs.OpenRoot(u.root)
	if err != nil {
		return err
	}
	defer root.Close()
	file, err := root.Regular("etc/passwd")
	if err != nil {
		return err
	}
	defer file.Close()
	stat, err := hostfs.Stat(file)
	if err != nil {
		return err
	}
	key := hostfs.ContentKeyOf(&stat)
	known := u.table.Load()
	if known == nil || known.key != key {
		content, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
		if err != nil {
			return err
		}
		known = parse(string(content))
		known.key = key
		u.table.Store(known)
	}
	return known.err
}

// Table returns what the file held when it was last read, or nil before that.
func (u *Users) Table() *Table { return u.table.Load() }

// Name returns the name of a user of the host, or the number where it has none.
func (u *Users) Name(uid uint32) string {
	if table := u.table.Load(); table != nil {
		if name, ok := table.names[uid]; ok {
			return name
		}
	}
	return Number(uid)
}

// Home returns the home directory of a user of the host as it is written, or "".
func (u *Users) Home(uid uint32) string {
	if table := u.table.Load(); table != nil {
		if at := slices.IndexFunc(table.Users, func(user User) bool { return user.UID == uid }); at >= 0 {
			return table.Users[at].Home
		}
	}
	return ""
}

// Number is how a user is shown whose name is not known.
func Number(uid uint32) string { return strconv.FormatUint(uint64(uid), 10) }

// parse reads passwd(5): name, password, uid, gid, comment, home, shell. Of users
// who share an id the first gives it its name, as in getpwuid(3).
func parse(content string) *Table {
	table := &Table{names: map[uint32]string{}}
	if len(content) > maxBytes {
		// The line that the limit cuts is left out.
		content = content[:strings.LastIndexByte(content[:maxBytes], '\n')+1]
		table.err = fmt.Errorf("%w: only the first %d bytes", hostfs.ErrLimit, maxBytes)
	}
	for line := range strings.Lines(content) {
		user, err := parseLine(strings.TrimRight(line, "\r\n"))
		if err != nil {
			continue
		}
		if len(table.Users) >= maxUsers {
			table.err = fmt.Errorf("%w: only the first %d users", hostfs.ErrLimit, maxUsers)
			break
		}
		table.Users = append(table.Users, user)
		if _, taken := table.names[user.UID]; !taken {
			table.names[user.UID] = user.Name
		}
	}
	return table
}

var errLine = errors.New("this is no line of passwd(5)")

func parseLine(line string) (User, error) {
	fields := strings.SplitN(line, ":", 8)
	if len(fields) < 3 || fields[0] == "" || fields[0][0] == '#' {
		return User{}, errLine
	}
	uid, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return User{}, errLine
	}
	user := User{Name: fields[0], UID: uint32(uid)}
	if len(fields) > 3 {
		if gid, err := strconv.ParseUint(fields[3], 10, 32); err == nil {
			user.GID = uint32(gid)
		}
	}
	if len(fields) > 5 {
		user.Home = fields[5]
	}
	if len(fields) > 6 {
		user.Shell = fields[6]
	}
	return user, nil
}
