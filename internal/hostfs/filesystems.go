package hostfs

import "golang.org/x/sys/unix"

// IsRemote knows, by their number (f_type of statfs(2), linux/magic.h), the file
// systems on which any system call may block for as long as another machine or
// another user's program likes.
func IsRemote(magic uint32) bool {
	switch magic {
	case unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC,
		unix.AUTOFS_SUPER_MAGIC, 0x0bd00bd0: // Lustre
		return true
	}
	return false
}
