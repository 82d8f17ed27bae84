package packages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/model"
)

func zipped(tb testing.TB, content string) string {
	tb.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(content)); err != nil {
		tb.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		tb.Fatal(err)
	}
	return packed.String()
}

func sha256Of(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func apkSumOf(content string) string {
	sum := sha1.Sum([]byte(content))
	return "Q1" + base64.StdEncoding.EncodeToString(sum[:])
}

// expect asks about paths of a host.
func (h host) expect(manager string, want map[string]model.PackageFact) {
	h.t.Helper()
	for name, want := range want {
		got := h.ask(name)
		if got.State != want.State || got.Name != want.Name || got.Name != "" && got.Manager != manager {
			h.t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// arch is a host with pacman's database; /bin and /usr/sbin are links to /usr/bin.
func arch(t *testing.T) host {
	h := newHost(t)
	for _, name := range []string{"/usr/bin/env", "/usr/bin/worker", "/usr/bin/daemon", "/usr/bin/my tool", "/usr/bin/made", "/usr/bin/old", "/usr/bin/added"} {
		h.write(name, "content of "+name)
	}
	h.link("usr/bin", "/bin")
	h.link("bin", "/usr/sbin")
	h.write(pacmanLocal+"/ALPM_DB_VERSION", "9\n")
	h.write(pacmanLocal+"/coreutils-9.4-2/files", "%FILES%\nusr/\nusr/bin/\nusr/bin/env\n")
	h.write(pacmanLocal+"/coreutils-9.4-2/mtree", zipped(t, "#mtree\n/set type=file uid=0 gid=0 mode=644\n"+
		"./.PKGINFO time=1.0 size=1 sha256digest="+sha256Of("x")+"\n./usr time=1.0 mode=755 type=dir\n"+
		"./usr/bin/env time=1.0 mode=755 size=23 sha256digest="+sha256Of("content of /usr/bin/env")+"\n"))
	h.write(pacmanLocal+"/some-tool-1:2.0-1/files", "%FILES%\nusr/bin/worker\nusr/sbin/daemon\nusr/bin/my tool\nusr/bin/made\nusr/bin/old\n\n%BACKUP%\nusr/bin/added\t"+md5Of("x")+"\n")
	h.write(pacmanLocal+"/some-tool-1:2.0-1/mtree", zipped(t, "./usr/bin/worker sha256digest="+sha256Of("another")+" md5digest="+md5Of("content of /usr/bin/worker")+"\n"+
		"./usr/sbin/daemon sha256digest="+strings.ToUpper(sha256Of("content of /usr/bin/daemon"))+"\n"+
		`./usr/bin/my\040tool sha256digest=`+sha256Of("content of /usr/bin/my tool")+"\n./usr/bin/old md5digest="+md5Of("content of /usr/bin/old")+"\n"))
	return h
}

func TestPacman(t *testing.T) {
	t.Parallel()
	arch(t).expect("pacman", map[string]model.PackageFact{
		"/usr/bin/env":     {State: model.PackageUnaltered, Name: "coreutils"},
		"/usr/bin/worker":  {State: model.PackageAltered, Name: "some-tool"},
		"/usr/bin/daemon":  {State: model.PackageUnaltered, Name: "some-tool"}, // its package calls it /usr/sbin/daemon
		"/usr/bin/my tool": {State: model.PackageUnaltered, Name: "some-tool"},
		"/usr/bin/old":     {State: model.PackageUnaltered, Name: "some-tool"},
		"/usr/bin/made":    {State: model.PackageUnchecked, Name: "some-tool"},
		"/usr/bin/added":   {State: model.PackageUnowned},
	})
}

// alpine is a host with apk's database. env is a link to busybox, whose name the kernel shows.
func alpine(t *testing.T, database string) host {
	h := newHost(t)
	for _, name := range []string{"/bin/busybox", "/usr/bin/worker", "/usr/bin/daemon", "/usr/bin/made", "/usr/bin/added", "/init"} {
		h.write(name, "content of "+name)
	}
	h.write(database, "C:Q1abc=\nP:busybox\nV:1.36\nF:bin\nR:busybox\na:0:0:755\nZ:"+apkSumOf("content of /bin/busybox")+"\nF:etc\nR:securetty\n\n"+
		"P:tools\nF:\nR:init\nZ:"+apkSumOf("content of /init")+"\nF:usr/bin\nM:0:0:1777\nR:made\nR:worker\nZ:"+apkSumOf("another")+
		"\nR:daemon\nZ:Q2"+base64Of(sha256Of("content of /usr/bin/daemon"))+"\n\n")
	return h
}

func base64Of(sum string) string {
	content, err := hex.DecodeString(sum)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(content)
}

func TestApk(t *testing.T) {
	t.Parallel()
	for _, database := range (apk{}).files() {
		alpine(t, database).expect("apk", map[string]model.PackageFact{
			"/bin/busybox":    {State: model.PackageUnaltered, Name: "busybox"},
			"/init":           {State: model.PackageUnaltered, Name: "tools"},
			"/usr/bin/worker": {State: model.PackageAltered, Name: "tools"},
			"/usr/bin/daemon": {State: model.PackageUnaltered, Name: "tools"},
			"/usr/bin/made":   {State: model.PackageUnchecked, Name: "tools"},
			"/usr/bin/added":  {State: model.PackageUnowned},
		})
	}
}

// TestTwoManagers: where two know a file, the one whose content it has counts.
func TestTwoManagers(t *testing.T) {
	t.Parallel()
	h := debian(t)
	h.write("/lib/apk/db/installed", "P:tools\nF:usr/sbin\nR:daemon\nZ:"+apkSumOf("content of /usr/sbin/daemon")+"\n")
	h.expect("apk", map[string]model.PackageFact{"/usr/sbin/daemon": {State: model.PackageUnaltered, Name: "tools"}})
}

func FuzzPacman(f *testing.F) {
	f.Add([]byte("%FILES%\nusr/bin/x\n"), []byte("./usr/bin/x sha256digest="+sha256Of("x")+"\n"), true)
	f.Add([]byte("usr/bin/x\n"), []byte(`./\`+"\n./ \n./"), false)
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, files, mtree []byte, pack bool) {
		h := host{t, filepath.Join(root, md5Of(string(files)+"|"+string(mtree)))}
		h.write("/usr/bin/x", "x")
		h.write(pacmanLocal+"/p-1-1/files", string(files))
		content := string(mtree)
		if pack {
			content = zipped(t, content)
		}
		h.write(pacmanLocal+"/p-1-1/mtree", content)
		p := h.program("/usr/bin/x")
		answer, err := question{root: h.root, databases: databases(), programs: []model.ProgramFile{p}, contents: &contents{known: map[contentKey]string{}}, scan: true}.ask()
		if got := answer.facts[p]; err == nil && got.State == model.PackageUnaltered &&
			!strings.Contains(strings.ToLower(string(mtree)), sha256Of("x")) && !strings.Contains(strings.ToLower(string(mtree)), md5Of("x")) {
			t.Errorf("got %+v", got)
		}
		os.RemoveAll(h.root)
	})
}

func FuzzApk(f *testing.F) {
	f.Add([]byte("P:x\nF:usr/bin\nR:x\nZ:" + apkSumOf("x") + "\n"))
	f.Add([]byte("R:x\nZ:Q1\nZ:Q\nZ:\n:\nF:\n\xff:\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		paths := newPaths([]string{"/usr/bin/x"}, nil)
		reader := apkReader{paths: paths}
		if err := eachLine(newLook(nil).line, bytes.NewReader(content), reader.line); err != nil {
			t.Error(err)
		}
		reader.flush()
		for _, owner := range paths.owners["/usr/bin/x"] {
			if (owner.digest.algorithm == none) != (owner.why != "") {
				t.Errorf("got %+v", owner)
			}
		}
	})
}

// fedora is a host with rpm's database, as rpm wrote it.
func fedora(t *testing.T) host {
	h := newHost(t)
	for _, name := range []string{"/usr/bin/env", "/usr/bin/worker", "/usr/bin/conf", "/usr/bin/loose", "/usr/bin/ghost", "/usr/bin/walker", "/usr/bin/added"} {
		h.write(name, "content of "+name)
	}
	h.write("/usr/sbin/daemon", "a miner")
	for _, name := range []string{rpmSQLite, rpmLog} {
		packed, err := os.ReadFile(filepath.Join("rpmdb/testdata", name+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		h.write("/usr/lib/sysimage/rpm/"+name, string(content))
	}
	h.write("/var/lib/x", "")
	h.link("../../usr/lib/sysimage/rpm", "/var/lib/rpm")
	return h
}

func TestRpm(t *testing.T) {
	t.Parallel()
	h := fedora(t)
	want := map[string]model.PackageFact{
		"/usr/bin/env":     {State: model.PackageUnaltered, Name: "coreutils"},
		"/usr/bin/worker":  {State: model.PackageUnaltered, Name: "tools"},
		"/usr/sbin/daemon": {State: model.PackageAltered, Name: "tools"},
		"/usr/bin/conf":    {State: model.PackageUnchecked, Name: "tools"}, // configuration
		"/usr/bin/loose":   {State: model.PackageUnchecked, Name: "tools"}, // %verify(not filedigest)
		"/usr/bin/ghost":   {State: model.PackageUnchecked, Name: "tools"}, // %ghost
		"/usr/bin/walker":  {State: model.PackageAltered, Name: "tolls"},   // still in the log
		"/usr/bin/added":   {State: model.PackageUnowned},
	}
	h.expect("rpm", want)
	if err := os.Remove(filepath.Join(h.root, "/usr/lib/sysimage/rpm", rpmLog)); err != nil {
		t.Fatal(err)
	}
	before := h.ask("/usr/bin/added").LastChange
	time.Sleep(10 * time.Millisecond) // of the clock of files
	h.write("/usr/lib/sysimage/rpm/"+rpmLog, "")
	if after := h.ask("/usr/bin/added").LastChange; !after.Equal(before) {
		t.Errorf("a look by rpm changed something: %s, %s", before, after)
	}
	want["/usr/bin/walker"] = model.PackageFact{State: model.PackageUnowned}
	h.expect("rpm", want)
	// Through a link from /var/lib alone.
	if err := os.Rename(filepath.Join(h.root, "/usr/lib/sysimage/rpm"), filepath.Join(h.root, "/usr/lib/sysimage/elsewhere")); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(h.root, "/var/lib/rpm"))
	h.link("../../usr/lib/sysimage/elsewhere", "/var/lib/rpm")
	h.expect("rpm", want)
}

// TestRpmMalformed: what cannot be understood is an error, so that nothing is claimed.
func TestRpmMalformed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{rpmSQLite, rpmNDB, rpmBDB} {
		h := newHost(t)
		h.write("/usr/bin/x", "x")
		h.write("/var/lib/rpm/"+name, "no database")
		p := h.program("/usr/bin/x")
		if answer, err := (question{root: h.root, databases: databases(), programs: []model.ProgramFile{p}, contents: &contents{}, scan: true}).ask(); err == nil {
			t.Errorf("%s: got %+v", name, answer.facts)
		}
	}
}
