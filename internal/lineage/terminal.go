package lineage

import (
	"path"
	"slices"

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

// terminal returns the shell of the session at whose terminal a process runs, if that
// is somebody's who is logged in: what he tries out in a temporary directory is his own
// business. The shell must live, have the same terminal and user, and be started by a
// login or by a window with a terminal. A session that a multiplexer keeps counts as
// long as its user is logged in elsewhere. It is nil in containers, and where a stranger
// may have come in above: whoever runs code in a service can have a terminal too.
func (l *Lineage) terminal(p *model.Process) *model.Process {
	if p.TTY == 0 || p.Isolation != model.IsolationHost || l.Unguarded(p, model.Identity{}) != nil {
		return nil
	}
	shell := l.shellOf(p)
	if shell == nil {
		return nil
	}
	switch l.loginAbove(shell) {
	case atLogin:
		return shell
	case atMultiplexer:
		if l.isLoggedIn(p.UID) {
			return shell
		}
	}
	return nil
}

// shellOf returns what leads the session of a process and belongs to the same user, or,
// where login(1) leads it, what that started; nil if that has ended or is the process
// itself.
func (l *Lineage) shellOf(p *model.Process) *model.Process {
	leader, ok := l.processes.Process(p.Session)
	if !ok || leader.PID == p.PID {
		return nil
	}
	shell := leader
	if isLogin(leader) {
		for a := p.Parent; a != nil && a.Identity != leader.Identity; a = a.Parent {
			shell = l.living(a.Identity)
		}
	}
	if shell == nil || shell == leader && isLogin(leader) || shell.TTY != p.TTY || shell.UID != p.UID || !isInstalled(shell) {
		return nil
	}
	return shell
}

func isLogin(p *model.Process) bool {
	return slices.Contains(loginPrograms(), path.Base(p.Exe)) && isInstalled(p)
}

// seat is what stands above the shell of a session.
type seat int

const (
	atNothing seat = iota
	atMultiplexer
	atLogin
)

// loginAbove says what a shell descends from.
func (l *Lineage) loginAbove(shell *model.Process) seat {
	for a := shell.Parent; a != nil; a = a.Parent {
		living := l.living(a.Identity)
		switch {
		case living == nil:
		case isLogin(living):
			return atLogin
		case slices.Contains(multiplexers(), path.Base(living.Exe)) && isInstalled(living):
			return atMultiplexer
		}
	}
	return atNothing
}

// isLoggedIn tells whether a user has a session that a login keeps. It is found out once
// for each evaluation, and only if somebody asks.
func (l *Lineage) isLoggedIn(uid uint32) bool {
	if l.loggedIn == nil {
		l.loggedIn = map[uint32]bool{}
		for i := range l.processes.Processes {
			p := l.processes.Processes[i]
			if p.TTY == 0 || l.loggedIn[p.UID] || !isInstalled(p) {
				continue
			}
			// A shell leads its session, or login(1) does, which started it.
			shell := p.Session == p.PID || p.Parent != nil && p.Parent.PID == p.Session
			if shell && l.loginAbove(p) == atLogin {
				l.loggedIn[p.UID] = true
			}
		}
	}
	return l.loggedIn[uid]
}
