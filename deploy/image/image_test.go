package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// write has the program make an archive of two small programs, and returns it with what was said.
func write(t *testing.T) (archive []byte, said string) {
	t.Helper()
	directory := t.TempDir()
	for name, content := range map[string]string{"licence": "text", "amd64": "program of amd64", "arm64": "program of arm64"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(directory, "new", "image.tar")
	var stdout bytes.Buffer
	err := run([]string{
		"-out", out, "-version", "1.2.3", "-revision", "abc", "-epoch", "1700000000", "-license", filepath.Join(directory, "licence"),
		"amd64=" + filepath.Join(directory, "amd64"), "arm64=" + filepath.Join(directory, "arm64"),
	}, &stdout)
	if err != nil {
		t.Fatal(err)
	}
	archive, err = os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return archive, strings.ReplaceAll(stdout.String(), directory, "DIRECTORY")
}

// unpack reads a tar archive of files.
func unpack(t *testing.T, archive []byte) (files map[string]string, headers map[string]*tar.Header) {
	t.Helper()
	files, headers = map[string]string{}, map[string]*tar.Header{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name], headers[header.Name] = string(content), header
	}
}

func decode[T any](t *testing.T, content string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(content), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// follow returns the blob that a descriptor refers to, if it is as it says.
func follow(t *testing.T, files map[string]string, to descriptor, kind string) string {
	t.Helper()
	content, found := files["blobs/sha256/"+strings.TrimPrefix(to.Digest, "sha256:")]
	if !found || to.MediaType != kind || to.Size != len(content) || to.Digest != blob(content).digest() {
		t.Fatalf("%+v, want one of %d bytes that is %s", to, len(content), kind)
	}
	return content
}

// TestArchive follows index.json down to the files of both images.
func TestArchive(t *testing.T) {
	t.Parallel()
	archive, said := write(t)
	files, headers := unpack(t, archive)
	for name, header := range headers {
		if !header.ModTime.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s is of %s", name, header.ModTime)
		}
	}
	top := decode[manifest](t, files["index.json"])
	if len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("index.json: %s", files["index.json"])
	}
	if !strings.Contains(said, top.Manifests[0].Digest) {
		t.Errorf("the digest of the index is not told: %s", said)
	}
	index := decode[manifest](t, follow(t, files, top.Manifests[0], typeIndex))
	loadables := decode[[]loadable](t, files["manifest.json"])
	var platforms []string
	blobs := 1
	for i, described := range index.Manifests {
		platforms = append(platforms, described.Platform.OS+"/"+described.Platform.Architecture)
		of := decode[manifest](t, follow(t, files, described, typeManifest))
		configuration := follow(t, files, *of.Config, typeConfig)
		zipped := follow(t, files, of.Layers[0], typeLayer)
		expectConfig(t, configuration, described.Platform.Architecture)
		unzip, err := gzip.NewReader(strings.NewReader(zipped))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(unzip)
		if err != nil {
			t.Fatal(err)
		}
		if ids := decode[config](t, configuration).RootFS.DiffIDs; len(ids) != 1 || ids[0] != blob(unpacked).digest() {
			t.Errorf("diff_ids: %v", ids)
		}
		expectLayer(t, unpacked, described.Platform.Architecture)
		want := loadable{
			"blobs/sha256/" + strings.TrimPrefix(of.Config.Digest, "sha256:"),
			[]string{"cryptojack_exporter:1.2.3-" + described.Platform.Architecture},
			[]string{"blobs/sha256/" + strings.TrimPrefix(of.Layers[0].Digest, "sha256:")},
		}
		if diff := cmp.Diff(want, loadables[i]); diff != "" {
			t.Errorf("manifest.json (-want +got):\n%s", diff)
		}
		blobs += 3
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
	if len(files) != blobs+3 {
		t.Errorf("%d files, want %d blobs, oci-layout, index.json and manifest.json", len(files), blobs)
	}
}

// expectConfig compares what an engine reads of the image.
func expectConfig(t *testing.T, configuration, architecture string) {
	t.Helper()
	got := decode[map[string]any](t, configuration)
	if got["architecture"] != architecture || got["os"] != "linux" || got["created"] != "2023-11-14T22:13:20Z" {
		t.Errorf("of %s: %s", architecture, configuration)
	}
	section := got["config"].(map[string]any)
	labels := section["Labels"].(map[string]any)
	delete(section, "Labels")
	delete(section, "Env")
	want := map[string]any{
		"User": "60578:60578", "WorkingDir": "/", "ExposedPorts": map[string]any{"10042/tcp": map[string]any{}}, "Entrypoint": []any{"/bin/cryptojack_exporter"},
		"Healthcheck": map[string]any{"Test": []any{"CMD", "/bin/cryptojack_exporter", "healthcheck"}, "Interval": 3e10, "Timeout": 1e10, "StartPeriod": 3e10, "Retries": 3.},
	}
	if diff := cmp.Diff(want, section); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	for label, value := range map[string]string{"version": "1.2.3", "revision": "abc", "licenses": "Apache-2.0", "created": "2023-11-14T22:13:20Z"} {
		if labels["org.opencontainers.image."+label] != value {
			t.Errorf("label %s: %v", label, labels[label])
		}
	}
}

// expectLayer compares the files, which are root's, and the program's capabilities.
func expectLayer(t *testing.T, unpacked []byte, architecture string) {
	t.Helper()
	files, headers := unpack(t, unpacked)
	want := map[string]string{
		"LICENSE": "text", "bin/": "", "bin/cryptojack_exporter": "program of " + architecture, "etc/": "",
		"etc/group": "root:x:0:\ncryptojack_exporter:x:60578:\n",
		"etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n" +
			"cryptojack_exporter:x:60578:60578:cryptojack_exporter:/:/sbin/nologin\n",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	for name, header := range headers {
		capabilities := header.PAXRecords["SCHILY.xattr.security.capability"]
		if header.Uid != 0 || header.Gid != 0 || header.Mode&0o022 != 0 || (capabilities != "") != (name == programPath) {
			t.Errorf("%s: %+v", name, header)
		}
	}
	// What `setcap cap_dac_read_search,cap_net_bind_service,cap_net_admin,cap_sys_ptrace,cap_perfmon,cap_bpf+p` writes.
	const setcap = "0000000204140800" + "00000000" + "c0000000" + "00000000"
	if got := fmt.Sprintf("%x", headers[programPath].PAXRecords["SCHILY.xattr.security.capability"]); got != setcap {
		t.Errorf("capabilities %s, want %s", got, setcap)
	}
}

// TestReproducible: the same input gives the same bytes, wherever it lies.
func TestReproducible(t *testing.T) {
	t.Parallel()
	first, said := write(t)
	second, saidAgain := write(t)
	if !bytes.Equal(first, second) || said != saidAgain {
		t.Errorf("%s\nand\n%s", said, saidAgain)
	}
}

// TestLayOut: the Dockerfile's image has the same content.
func TestLayOut(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to set file capabilities")
	}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "program"), []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(directory, "root")
	if err := run([]string{"-root", root, "-license", filepath.Join(directory, "program"), filepath.Join(directory, "program")}, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, e := range contentOf([]byte("program"), []byte("program")) {
		info, err := os.Lstat(filepath.Join(root, e.name))
		if err != nil || info.IsDir() != e.isDirectory() || uint32(info.Mode().Perm()) != e.mode {
			t.Errorf("%s: %v, %v", e.name, info, err)
			continue
		}
		if content, err := os.ReadFile(filepath.Join(root, e.name)); !e.isDirectory() && (err != nil || !bytes.Equal(content, e.content)) {
			t.Errorf("%s: %q, %v", e.name, content, err)
		}
		value := make([]byte, 64)
		if size, err := unix.Getxattr(filepath.Join(root, e.name), "security.capability", value); e.capabilities != nil && (err != nil || !bytes.Equal(value[:size], e.capabilities)) {
			t.Errorf("%s: capabilities %x, %v", e.name, value, err)
		}
	}
}

// TestMistakes: each says what is wrong, and nothing is written.
func TestMistakes(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	out := filepath.Join(directory, "image.tar")
	if err := os.WriteFile(filepath.Join(directory, "licence"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{}, "-out FILE"},
		{[]string{"-out", out}, "-out FILE"},
		{[]string{"-out", out, "amd64"}, "amd64=PROGRAM"},
		{[]string{"-out", out, "amd64=" + filepath.Join(directory, "none")}, "read the program"},
		{[]string{"-root", directory}, "-root DIRECTORY"},
	} {
		err := run(append([]string{"-license", filepath.Join(directory, "licence")}, test.args...), io.Discard)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.args, err, test.want)
		}
	}
	if err := run([]string{"-license", filepath.Join(directory, "none")}, io.Discard); err == nil || !strings.Contains(err.Error(), "read the licence") {
		t.Errorf("without a licence: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an archive was written")
	}
}
