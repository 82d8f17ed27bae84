package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/syntax"
)

// TestBlocks: each block of code says what it is, and is what it says.
func TestBlocks(t *testing.T) {
	t.Parallel()
	checked := map[string]int{}
	for _, p := range pages(t) {
		for i := range p.blocks {
			checked[p.blocks[i].language]++
			t.Run(p.at(&p.blocks[i]), func(t *testing.T) { checkBlock(t, &p.blocks[i]) })
		}
	}
	if checked["sh"] < 5 || checked["yaml"] < 3 {
		t.Errorf("too few blocks are found: %v", checked)
	}
}

func checkBlock(t *testing.T, b *block) {
	switch b.language {
	case "sh":
		checkShell(t, b.content)
	case "yaml":
		checkYAML(t, b.content)
	case "json":
		for reader := json.NewDecoder(strings.NewReader(b.content)); ; {
			var document any
			if err := reader.Decode(&document); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("this is not JSON: %v", err)
			}
		}
	case "text", "mermaid", "promql", "ini", "html", "logql", "sql":
	case "":
		t.Error("say what the block is: ```sh, ```yaml and ```json are checked, ```text is what a program prints")
	default:
		t.Errorf("```%s is checked by nobody: check it in this test, or call it ```text", b.language)
	}
}

// TestCommandsInText: so are the exporter's commands that stand in a sentence.
func TestCommandsInText(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile("`((?:sudo )?(?:[a-z./]*/)?cryptojack_exporter [^`\n]+)`")
	option := regexp.MustCompile("`--((?:no-)?(?:web|path|source|process|files|sockets|persistence|findings|config|log|collector|respawn)\\.[a-z.-]+)[=`]")
	ofOthers := []string{"collector.processes", "web.enable-remote-write-receiver"} // node_exporter, Prometheus
	var known []string
	for _, names := range flagsByCommand() {
		for _, name := range names {
			known = append(known, name, strings.TrimPrefix(name, "no-"))
		}
	}
	target := regexp.MustCompile("`make ([a-z][a-z-]*)[` ]")
	commands := 0
	for _, p := range pages(t) {
		if p.name == "CHANGELOG.md" {
			continue // what was there once is there for ever
		}
		for _, match := range inline.FindAllStringSubmatch(p.text, -1) {
			if _, arguments, _ := strings.Cut(match[1], programName+" "); arguments == commandAssets {
				continue // the command's name, no command
			}
			if file, err := parseShell(match[1]); err == nil {
				commands++
				checkCommands(t, p.name, file)
			}
		}
		for _, match := range target.FindAllStringSubmatch(p.text, -1) {
			if !slices.Contains(makeTargets(t), match[1]) {
				t.Errorf("%s: there is no target %s of make", p.name, match[1])
			}
		}
		for _, match := range option.FindAllStringSubmatch(p.text, -1) {
			if !slices.Contains(known, match[1]) && !slices.Contains(ofOthers, match[1]) {
				t.Errorf("%s names --%s, which is not a flag", p.name, match[1])
			}
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands are found", commands)
	}
}

func parseShell(script string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
}

// checkShell: it is shell, its make targets, flags and files of the repository are there.
func checkShell(t *testing.T, script string) {
	t.Helper()
	file, err := parseShell(script)
	if err != nil {
		t.Fatalf("this is not shell: %v", err)
	}
	checkCommands(t, "the block", file)
}

func checkCommands(t *testing.T, where string, file *syntax.File) {
	t.Helper()
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok {
			if words := wordsOf(call); len(words) > 0 {
				checkCommand(t, where, words)
			}
		}
		return true
	})
}

// wordsOf are the words of a command as they are written, without quotes.
func wordsOf(call *syntax.CallExpr) []string {
	var words []string
	for _, word := range call.Args {
		var written bytes.Buffer
		if err := syntax.NewPrinter().Print(&written, word); err != nil {
			return nil
		}
		words = append(words, strings.Trim(written.String(), `"'`))
	}
	for len(words) > 0 && (words[0] == "sudo" || words[0] == "exec") {
		words = words[1:]
	}
	return words
}

// ofRepository is a file of ours that a command names; what is built is not there yet.
var ofRepository = regexp.MustCompile(`^(?:\./)?(?:alerts|dashboards|deploy|docs|e2e|scripts)/[A-Za-z0-9_./-]+$`)

func checkCommand(t *testing.T, where string, words []string) {
	t.Helper()
	for _, word := range words[1:] {
		if ofRepository.MatchString(word) {
			if _, err := os.Stat(filepath.Join(top, word)); err != nil {
				t.Errorf("%s: %v: there is no %s", where, words, word)
			}
		}
	}
	if words[0] == "make" {
		for _, target := range words[1:] {
			if !strings.HasPrefix(target, "-") && !strings.Contains(target, "=") && !slices.Contains(makeTargets(t), target) {
				t.Errorf("%s: there is no target %s of make", where, target)
			}
		}
		return
	}
	if program := path.Base(words[0]); program == programName {
		checkArguments(t, where, words[1:])
	} else if len(words) > 1 && words[1] == "run" && (program == "docker" || program == "podman") {
		// The image is called like the container perhaps, and is the last one.
		for at := len(words) - 1; at >= 0; at-- {
			if name, _, _ := strings.Cut(path.Base(words[at]), ":"); strings.ReplaceAll(name, "-", "_") == programName {
				checkArguments(t, where, words[at+1:])
				return
			}
		}
	}
}

// checkArguments has them parsed as the exporter does.
func checkArguments(t *testing.T, where string, arguments []string) {
	t.Helper()
	var parsed []string
	for _, argument := range arguments {
		if argument == "..." || argument == `\` {
			continue
		}
		parsed = append(parsed, strings.NewReplacer("PID", "1", "$(pidof kdevtmpfsi)", "1").Replace(argument))
	}
	var said bytes.Buffer
	if _, code, _ := parseFlags(parsed, io.Discard, &said); code != exitOK {
		t.Errorf("%s: %s %s: %s", where, programName, strings.Join(arguments, " "), &said)
	}
}

func makeTargets(t *testing.T) []string {
	t.Helper()
	var targets []string
	for _, file := range []string{"Makefile", "deploy/deploy.mk"} {
		content, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(string(content), -1) {
			targets = append(targets, match[1])
		}
	}
	return targets
}

// checkYAML has a block checked by the program that reads such a file.
func checkYAML(t *testing.T, content string) {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(content), &document); err != nil {
		var list []any
		if yaml.Unmarshal([]byte(content), &list) == nil {
			return // a part of a file
		}
		t.Fatalf("this is not YAML: %v", err)
	}
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { _, has := document[key]; return has })
	}
	file := filepath.Join(t.TempDir(), "block.yml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, listed := document["services"].([]any) // compose has a map of services
	switch {
	case has("scrape_configs", "rule_files", "global", "remote_write"):
		runChecker(t, "promtool", "check", "config", "--syntax-only", file)
	case has("groups"):
		runChecker(t, "promtool", "check", "rules", file)
	case has("route", "receivers", "inhibit_rules"):
		runChecker(t, "amtool", "check-config", file)
	case has("apiVersion"), has("services") && !listed:
	case has("directories", "known_miner_sha256", "pool_addresses", "allow", "rules", "probe", "services", "notify"):
		var said lockedBuffer
		if code := run(t.Context(), []string{"--config.check", "--config.file=" + file}, io.Discard, &said); code != exitOK {
			t.Errorf("this is no valid configuration: %s", &said)
		}
	}
}

// runChecker runs a program of scripts/install-test-packages, or the newer one of the
// end-to-end tests where it is built.
func runChecker(t *testing.T, name string, arguments ...string) {
	t.Helper()
	program, err := exec.LookPath(name)
	if newer := filepath.Join(os.Getenv("E2E_BIN"), name); os.Getenv("E2E_BIN") != "" {
		if _, missing := os.Stat(newer); missing == nil {
			program, err = newer, nil
		}
	}
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("there is no %s, so the block is not checked", name)
	}
	if said, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", name, err, said)
	}
}
