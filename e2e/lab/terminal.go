package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// terminal is a pseudo-terminal, as a window or an SSH session has one (pty(7)). What
// is typed goes to its keyboard; what it shows goes to the lab's log.
type terminal struct {
	session  *session
	keyboard *os.File
}

// openTerminal starts a program as the leader of a session at a terminal of its own.
func (s *session) openTerminal(o order) *terminal {
	opened := &terminal{session: s}
	if s.stopped() {
		return opened
	}
	keyboard, screen, err := openPseudoTerminal()
	if err != nil {
		s.fail(err)
		return opened
	}
	defer screen.Close()
	opened.keyboard = keyboard
	s.undo = append(s.undo, keyboard.Close)
	o.terminal = screen
	s.launch(o)
	go func() { _, _ = io.Copy(s.log, keyboard) }() // until it is closed
	return opened
}

// enter types a line.
func (t *terminal) enter(line string) {
	if t.session.stopped() {
		return
	}
	_, err := io.WriteString(t.keyboard, line+"\n")
	t.session.fail(err)
	t.session.act()
}

// openPseudoTerminal returns both ends of a new one.
func openPseudoTerminal() (keyboard, screen *os.File, err error) {
	keyboard, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var locked, number int32
	err = control(keyboard, syscall.TIOCSPTLCK, &locked)
	if err == nil {
		err = control(keyboard, syscall.TIOCGPTN, &number)
	}
	if err == nil {
		screen, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	}
	if err != nil {
		keyboard.Close()
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	return keyboard, screen, nil
}

func control(file *os.File, request uintptr, value *int32) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var code syscall.Errno
	err = raw.Control(func(descriptor uintptr) {
		_, _, code = syscall.Syscall(syscall.SYS_IOCTL, descriptor, request, uintptr(unsafe.Pointer(value)))
	})
	if err == nil && code != 0 {
		err = code
	}
	return err
}

// logIn starts login(1) at a terminal, for root or for nobody, who has no shell by
// right: it gets one in a mount namespace that only this session sees. There, records of
// logins go to a memory of its own, so that those of the host stay as they are.
func (s *session) logIn(user string) *terminal {
	script := `set -e
mount -t tmpfs -o size=1m,mode=0755 cryptojack-lab /var/log
: >/var/log/wtmp; : >/var/log/lastlog; : >/var/log/utmp
if [ -e /run/utmp ]; then mount --bind /var/log/utmp /run/utmp; fi
sed 's,^nobody:.*,nobody:x:65534:65534:nobody:/:/bin/sh,' /etc/passwd >/var/log/passwd
mount --bind /var/log/passwd /etc/passwd
exec login -f ` + user
	opened := s.openTerminal(order{argv: []string{"unshare", "--mount", "sh", "-c", script}, root: true})
	s.wait(2 * pollInterval) // until a shell reads what is typed; the tracker must see login before it
	opened.enter("unset HISTFILE")
	return opened
}
