package inspect

import (
	"strings"
	"testing"
)

// TestLibraries holds code of files that nobody has installed to what upgrades and
// compilers leave.
func TestLibraries(t *testing.T) {
	t.Parallel()
	const code, data = "7f0000000000-7f0000010000 r-xp 00000000 08:01 77 ", "7f0000000000-7f0000010000 rw-p 00000000 08:01 77 "
	for line, want := range map[string]string{
		code + "/tmp/exp.so":                                                  "/tmp/exp.so",
		code + "/tmp/exp.so (deleted)":                                        "/tmp/exp.so",
		code + "/dev/shm/x":                                                   "/dev/shm/x",
		code + "/home/alice/.x.so":                                            "/home/alice/.x.so",
		code + "/var/lib/redis/exp.so (deleted)":                              "/var/lib/redis/exp.so",
		code + "/var/lib/redis/exp.so":                                        "",
		code + "/usr/lib/libssl.so.3 (deleted)":                               "",
		code + "/home/alice/venv/lib/numpy.so (deleted)":                      "",
		code + "/tmp/program":                                                 "",
		code + "/memfd:doublemapper (deleted)":                                "",
		code + "[vdso]":                                                       "",
		"7f0000000000-7f0000010000 rwxp 00000000 00:00 0 ":                    "",
		data + "/tmp/data":                                                    "",
		"7f0000000000-7f0000010000 rwxs 00000000 00:01 9 /dev/zero (deleted)": "",
	} {
		got, err := memoryOf(strings.NewReader(line+"\n"), 1, "/tmp/program")
		if err != nil || got.foreign != want || got.runtime {
			t.Errorf("%s: %q, %v (%v), want %q", line, got.foreign, got.runtime, err, want)
		}
	}
	got, err := memoryOf(strings.NewReader(code+"/tmp/x.so\n"+code+"/usr/lib/jvm/lib/server/libjvm.so\n"), 1, "")
	if err != nil || !got.runtime || got.foreign != "/tmp/x.so" {
		t.Errorf("a JVM: %+v (%v)", got.libraries, err)
	}
}
