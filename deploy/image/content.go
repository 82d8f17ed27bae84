package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// userID is whom the image runs as: among the ids that systemd's table (systemd.io/UIDS-GIDS) leaves to nobody, as the
// exporter itself chooses one where it is started as root. Not 65534: whoever else runs as nobody could stop it.
const userID = 60578

// programPath is the exporter in the image.
const programPath = "bin/cryptojack_exporter"

// entry is a file of the image, or a directory if it has no content.
type entry struct {
	name         string // without a leading slash
	mode         uint32
	content      []byte
	capabilities []byte // security.capability of xattr(7), or none
}

func (e entry) isDirectory() bool { return e.content == nil }

// contentOf is everything in the image: parents come before what is in them.
func contentOf(program, licence []byte) []entry {
	return []entry{
		{name: "LICENSE", mode: 0o644, content: licence},
		{name: "bin", mode: 0o755},
		{name: programPath, mode: 0o755, content: program, capabilities: fileCapabilities(
			unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH, unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_PERFMON,
			unix.CAP_NET_BIND_SERVICE, // of --web.listen-address below 1024
		)},
		{name: "etc", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\ncryptojack_exporter:x:%d:\n", userID)},
		{name: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\ncryptojack_exporter:x:%d:%d:cryptojack_exporter:/:/sbin/nologin\n", userID, userID)},
	}
}

// fileCapabilities are those that the program may take up when somebody who is not root starts it, as far as the container
// was given them (struct vfs_cap_data, linux/capability.h). They are permitted only, and the exporter takes them up: with
// effective ones the kernel would not start it at all in a container that lacks one.
func fileCapabilities(capabilities ...int) []byte {
	const revision2 = 0x02000000
	var permitted [2]uint32
	for _, capability := range capabilities {
		permitted[capability/32] |= 1 << (capability % 32)
	}
	var data []byte
	for _, word := range []uint32{revision2, permitted[0], 0, permitted[1], 0} {
		data = binary.LittleEndian.AppendUint32(data, word)
	}
	return data
}

// layer is the content as a tar archive of root's files, all of one time.
func layer(content []entry, made time.Time) ([]byte, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, e := range content {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: int64(e.mode), Size: int64(len(e.content)), ModTime: made}
		if e.isDirectory() {
			header.Typeflag, header.Name = tar.TypeDir, e.name+"/"
		}
		if e.capabilities != nil {
			header.Format = tar.FormatPAX
			header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": string(e.capabilities)}
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("put %s into the layer: %w", e.name, err)
		}
		if _, err := archive.Write(e.content); err != nil {
			return nil, fmt.Errorf("put %s into the layer: %w", e.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("end the layer: %w", err)
	}
	return buffer.Bytes(), nil
}

// layOut writes the content into a directory that is new or empty.
func layOut(root string, content []entry) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("make the directory of the image: %w", err)
	}
	for _, e := range content {
		name := filepath.Join(root, e.name)
		var err error
		if e.isDirectory() {
			err = os.Mkdir(name, os.FileMode(e.mode))
		} else {
			err = os.WriteFile(name, e.content, os.FileMode(e.mode))
		}
		err = errors.Join(err, os.Chmod(name, os.FileMode(e.mode))) // whatever the umask
		if e.capabilities != nil {
			err = errors.Join(err, unix.Setxattr(name, "security.capability", e.capabilities, 0))
		}
		if err != nil {
			return fmt.Errorf("lay out %s, as root: %w", e.name, err)
		}
	}
	return nil
}
