package programs

import "testing"

func TestOnlyStarts(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"bash": true, "-bash": true, "fish": true, "sudo": true, "doas": true, "taskset": true, "chrt": true, "systemd-run": true, "screen": false,
		"setpriv": true, "python3": false, "kinsing": false, "": false, "sshd": false,
	} {
		if got := OnlyStarts(base); got != want {
			t.Errorf("OnlyStarts(%q) = %v", base, got)
		}
	}
}

func TestInterpreters(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"python3.11": true, "perl": true, "php-cli": true, "php8.2": true, "java": true, "bash": true, "-zsh": true, "fish": true, "sshd": false, "pythonic": false, "": false,
	} {
		if _, got := InterpreterOf(base); got != want {
			t.Errorf("InterpreterOf(%q) = %v", base, got)
		}
	}
}
