package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

// loginPrograms stand above the shell of somebody who is logged in: logins, and windows
// with a terminal in them.
func loginPrograms() []string {
	return []string{
		"sshd", "sshd-session", "dropbear", "login", "mosh-server", "xrdp-sesman", "gdm-session-worker", "sddm-helper", "lightdm",
		"gnome-terminal-server", "kgx", "ptyxis", "ptyxis-agent", "konsole", "yakuake", "xterm", "uxterm", "urxvt", "urxvtd", "rxvt", "st", "kitty", "alacritty",
		"foot", "footclient", "wezterm-gui", "ghostty", "terminator", "tilix", "xfce4-terminal", "mate-terminal", "lxterminal", "qterminal", "deepin-terminal",
		"guake", "tilda", "terminology", "code", "codium", "cursor", "emacs", "machinectl", "kmscon",
	}
}

// multiplexers keep sessions when their user has gone.
func multiplexers() []string { return []string{"tmux", "screen", "zellij", "dtach", "abduco"} }

// terminal returns the leader of the session at whose terminal a process runs, if that
// is somebody's who is logged in: what he tries out in a temporary directory is his own
// business. The leader must live, have the same terminal and user, and descend from a
// login or from a window with a terminal. A session that a multiplexer keeps counts as
// long as its user is logged in elsewhere. It is nil in containers, and where a stranger
// may have come in above: whoever runs code in a service can have a terminal too.
func (l *lineage) terminal(p *model.Process) *model.Process {
	if p.TTY == 0 || p.Isolation != model.IsolationHost || p.Session == p.PID {
		return nil
	}
	leader, ok := l.processes.Process(p.Session)
	if !ok || leader.TTY != p.TTY || leader.UID != p.UID || !isInstalled(leader) || l.unguarded(p, model.Identity{}) != nil {
		return nil
	}
	switch l.loginAbove(leader) {
	case atLogin:
		return leader
	case atMultiplexer:
		if l.isLoggedIn(p.UID) {
			return leader
		}
	}
	return nil
}

// seat is what stands above the shell of a session.
type seat int

const (
	atNothing seat = iota
	atMultiplexer
	atLogin
)

// loginAbove says what the session of a leader descends from.
func (l *lineage) loginAbove(leader *model.Process) seat {
	for a := leader.Parent; a != nil; a = a.Parent {
		living := l.byIdentity[a.Identity]
		if living == nil || !isInstalled(living) {
			continue
		}
		base := strings.TrimSuffix(path.Base(living.Exe), ".real")
		switch {
		case slices.Contains(loginPrograms(), base):
			return atLogin
		case slices.Contains(multiplexers(), base):
			return atMultiplexer
		}
	}
	return atNothing
}

// isLoggedIn tells whether a user has a session that a login keeps. It is found out once
// for each evaluation, and only if somebody asks.
func (l *lineage) isLoggedIn(uid uint32) bool {
	if l.loggedIn == nil {
		l.loggedIn = map[uint32]bool{}
		for i := range l.processes.Processes {
			p := &l.processes.Processes[i]
			if p.TTY != 0 && p.Session == p.PID && !l.loggedIn[p.UID] && isInstalled(p) && l.loginAbove(p) == atLogin {
				l.loggedIn[p.UID] = true
			}
		}
	}
	return l.loggedIn[uid]
}
