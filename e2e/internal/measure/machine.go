// Package measure is what the benches share: the CPU time and the memory of a program,
// quantiles, and tables in Markdown.
package measure

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
)

// Machine is what times depend on, for people.
func Machine() string {
	var name syscall.Utsname
	kernel := "an unknown kernel"
	if err := syscall.Uname(&name); err == nil {
		var release []byte
		for _, c := range name.Release {
			if c == 0 {
				break
			}
			release = append(release, byte(c))
		}
		kernel = "Linux " + string(release)
	}
	return fmt.Sprintf("%d cores, %s, %s", runtime.NumCPU(), kernel, runtime.GOARCH)
}

// Version is the version of an exporter: of its module if it was built from one, else
// what --version prints, which Debian's packages have as their revision.
func Version(ctx context.Context, program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		if info, err := buildinfo.ReadFile(path); err == nil && moduleVersion.MatchString(info.Main.Version) {
			return info.Main.Version, nil
		}
	}
	printed, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	return printedVersion(printed)
}

// moduleVersion matches a release, not (devel).
var moduleVersion = regexp.MustCompile(`^v\d`)

// printedVersion reads what version.Print of github.com/prometheus/common writes.
func printedVersion(printed []byte) (string, error) {
	line, _, _ := bytes.Cut(printed, []byte("\n"))
	match := regexp.MustCompile(`version (\S*) ?\(branch: .*, revision: (\S+?)\)`).FindSubmatch(line)
	switch {
	case match == nil:
		return "", fmt.Errorf("%q names no version", line)
	case len(match[1]) > 0:
		return string(match[1]), nil
	}
	return string(match[2]), nil
}
