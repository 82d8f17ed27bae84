package hostfs

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestIsRemote(t *testing.T) {
	t.Parallel()
	for magic, want := range map[uint32]bool{
		unix.FUSE_SUPER_MAGIC: true, unix.NFS_SUPER_MAGIC: true, 0xff534d42: true, 0xfe534d42: true, unix.V9FS_MAGIC: true,
		unix.TMPFS_MAGIC: false, unix.EXT4_SUPER_MAGIC: false, 0x58465342: false, 0x9123683e: false, unix.OVERLAYFS_SUPER_MAGIC: false,
	} {
		if IsRemote(magic) != want {
			t.Errorf("%#x", magic)
		}
	}
}
