package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// top is the folder of the repository.
const top = "../.."

// page is one page for people.
type page struct {
	name   string // from the folder of the repository
	text   string // without its blocks of code
	blocks []block
}

// block is a fenced block of code.
type block struct {
	line     int // where its content begins, from 1
	language string
	content  string
}

// pages are all pages for people: of the repository's folder, of docs, deploy and the runbooks.
func pages(t *testing.T) []page {
	t.Helper()
	var pages []page
	for _, pattern := range []string{"*.md", "docs/*.md", "alerts/runbooks/*.md", "deploy/*.md", "deploy/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(top, file)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, readPage(name, string(content)))
		}
	}
	if len(pages) < 40 {
		t.Fatalf("only %d pages are found", len(pages))
	}
	return pages
}

var fence = regexp.MustCompile("^ *```(.*)$")

func readPage(name, content string) page {
	p := page{name: name}
	var current *block
	number := 0
	for line := range strings.Lines(content) {
		number++
		match := fence.FindStringSubmatch(strings.TrimRight(line, "\n"))
		switch {
		case match != nil && current == nil:
			current = &block{line: number + 1, language: match[1]}
		case match != nil:
			p.blocks = append(p.blocks, *current)
			current = nil
		case current != nil:
			current.content += line
		default:
			p.text += line
		}
	}
	if current != nil {
		p.blocks = append(p.blocks, *current)
	}
	return p
}

func (p *page) at(b *block) string { return fmt.Sprintf("%s:%d", p.name, b.line) }

// link finds the target of a link, an image, or an HTML image.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)|src="([^"]+)"`)

// TestLinks: whatever a page links to in the repository is there, the heading too.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := map[string]page{}
	for _, p := range pages(t) {
		all[p.name] = p
	}
	inline := regexp.MustCompile("`[^`\n]*`")
	links := 0
	for _, p := range all {
		for _, match := range link.FindAllStringSubmatch(inline.ReplaceAllString(p.text, "code"), -1) {
			target := match[1] + match[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			file, heading, _ := strings.Cut(target, "#")
			name := p.name
			if file != "" {
				name = filepath.Join(filepath.Dir(p.name), file)
			}
			if _, err := os.Stat(filepath.Join(top, name)); err != nil || strings.HasPrefix(name, "..") {
				t.Errorf("%s links to %s, which is not there", p.name, target)
				continue
			}
			if linked, isPage := all[name]; isPage && heading != "" && !slices.Contains(headings(linked.text), heading) {
				t.Errorf("%s links to %s, and %s has no such heading; it has %v", p.name, target, name, headings(linked.text))
			}
		}
	}
	if links < 40 {
		t.Errorf("only %d links are found", links)
	}
}

// headings are the anchors of a page's headings, as GitHub makes them.
func headings(text string) []string {
	var anchors []string
	dropped := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	for _, match := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")
		for number, first := 1, anchor; slices.Contains(anchors, anchor); number++ {
			anchor = fmt.Sprintf("%s-%d", first, number)
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}

func TestHeadings(t *testing.T) {
	t.Parallel()
	got := headings("# A `scan`, in 5 minutes\ntext\n## Why?\n## Why?\n## --config.file\n")
	if want := []string{"a-scan-in-5-minutes", "why", "why-1", "--configfile"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestEveryPageIsListed: docs/README.md leads to each page of docs.
func TestEveryPageIsListed(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(filepath.Join(top, "docs/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		base, isDocs := strings.CutPrefix(p.name, "docs/")
		if isDocs && base != "README.md" && !strings.Contains(string(index), "]("+base+")") {
			t.Errorf("docs/README.md does not lead to %s: add it to the row of what one wants to do with it", p.name)
		}
	}
}

// TestLandingPage: the README is read at once, its pictures are loaded at once, and who
// changes the code needs two commands.
func TestLandingPage(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if most := 7 << 10; len(readme) > most {
		t.Errorf("README.md has %d bytes, more than %d: what not everybody needs is in docs", len(readme), most)
	}
	var targets []string
	for _, match := range regexp.MustCompile(`(?m)^make ([a-z-]+)`).FindAllStringSubmatch(string(readme), -1) {
		targets = append(targets, match[1])
	}
	if want := []string{"run", "test"}; !slices.Equal(targets, want) {
		t.Errorf("README.md has the make targets %v in its blocks, want %v", targets, want)
	}
	pictures, err := filepath.Glob(filepath.Join(top, "docs/pictures/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range pictures {
		file, err := os.Stat(picture)
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(150 << 10); file.Size() > most {
			t.Errorf("%s has %d bytes, more than %d: `make pictures` makes them small", picture, file.Size(), most)
		}
	}
}
