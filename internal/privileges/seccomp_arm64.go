package privileges

import "golang.org/x/sys/unix"

const (
	auditArch  = unix.AUDIT_ARCH_AARCH64
	legacyOpen = 0
)

// refusedLegacy are the system calls that not every architecture has.
func refusedLegacy() []uint32 { return []uint32{unix.SYS_RENAMEAT, unix.SYS_MEMFD_SECRET} }
