// Package privileges gives up, for good and in every thread, what this program could do and does not need: the user that
// it was started as, capabilities, and system calls that change anything.
package privileges

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// TakeUp puts the capabilities in force that this program may have. A user who is not root has them so where they come from
// the program's file, as in the container image; root, and who has them from a service manager, has them in force already.
func TakeUp() error {
	held := cap.GetProc()
	if err := held.FillFlag(cap.Effective, held, cap.Permitted); err != nil {
		return fmt.Errorf("put capabilities in force: %w", err)
	}
	if err := held.SetProc(); err != nil {
		return fmt.Errorf("put capabilities in force: %w", err)
	}
	return nil
}

// Drop keeps of the capabilities that are held only those that are given (capabilities(7)), and closes the ways by which a
// program gets others: bounding set, inheritable and ambient capabilities, what root gains by execve(2). As far as CAP_SETPCAP is
// missing, which closing some of them takes, PR_SET_NO_NEW_PRIVS does the same. Nobody without CAP_SYS_PTRACE can read this
// program's memory afterwards, and it leaves no core file.
func Drop(keep ...cap.Value) error {
	held := cap.GetProc()
	kept := cap.NewSet()
	for _, capability := range keep {
		has, err := held.GetFlag(cap.Permitted, capability)
		if err != nil {
			return fmt.Errorf("choose capabilities to keep: %w", err)
		}
		if !has {
			continue
		}
		if err := errors.Join(kept.SetFlag(cap.Permitted, true, capability), kept.SetFlag(cap.Effective, true, capability)); err != nil {
			return fmt.Errorf("choose capabilities to keep: %w", err)
		}
	}
	if Holds(cap.SETPCAP) {
		if err := closeGains(held); err != nil {
			return err
		}
	}
	if err := cap.ResetAmbient(); err != nil {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	if err := kept.SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return fmt.Errorf("give up gaining privileges: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("close the memory to others: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("give up core files: %w", err)
	}
	return nil
}

// closeGains empties the bounding set and locks the secure bits, which takes CAP_SETPCAP.
func closeGains(held *cap.Set) error {
	if err := held.SetFlag(cap.Effective, true, cap.SETPCAP); err != nil {
		return fmt.Errorf("raise CAP_SETPCAP: %w", err)
	}
	if err := held.SetProc(); err != nil {
		return fmt.Errorf("raise CAP_SETPCAP: %w", err)
	}
	const bits = cap.SecbitNoRoot | cap.SecbitNoRootLocked | cap.SecbitNoSetUIDFixup | cap.SecbitNoSetUIDFixupLocked |
		cap.SecbitKeepCapsLocked | cap.SecbitNoCapAmbientRaise | cap.SecbitNoCapAmbientRaiseLocked
	if err := bits.Set(); err != nil {
		return fmt.Errorf("lock the secure bits: %w", err)
	}
	for capability := range cap.MaxBits() {
		if err := cap.DropBound(capability); err != nil {
			return fmt.Errorf("empty the bounding set of capabilities: %w", err)
		}
	}
	return nil
}

// Holds tells whether this program has a capability, or may take it up.
func Holds(capability cap.Value) bool {
	has, err := cap.GetProc().GetFlag(cap.Permitted, capability)
	return err == nil && has
}

// missing names those that are not held, as "CAP_A and CAP_B", or is "".
func missing(wanted ...cap.Value) string {
	var names []string
	for _, capability := range wanted {
		if !Holds(capability) {
			names = append(names, strings.ToUpper(capability.String()))
		}
	}
	return strings.Join(names, " and ")
}
