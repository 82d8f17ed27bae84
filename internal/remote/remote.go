// Package remote tells file systems on which any system call may block for as
// long as another machine or another user's program likes.
package remote

import "golang.org/x/sys/unix"

// Is knows file systems by their number (f_type of statfs(2), linux/magic.h).
func Is(magic uint32) bool {
	switch magic {
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC,
		unix.AUTOFS_SUPER_MAGIC, 0x0bd00bd0: // Lustre
		return true
	}
	return false
}
