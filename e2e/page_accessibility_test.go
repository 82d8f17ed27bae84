package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// checkPage is put at the end of a page, which itself has no script. It asks axe-core for what breaks
// WCAG 2.0 to 2.2, A and AA, and its own best practices, and whether the page is wider than the window.
const checkPage = `<script src="axe.min.js"></script><script>
document.querySelectorAll("details").forEach(one => one.open = true);
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(found => {
  const told = list => list.map(one => one.id + ": " + one.help + ": " + one.nodes.map(node => node.html.slice(0, 200) + " " + node.failureSummary).join("; "));
  window.checked = {
    passes: found.passes.length, problems: told(found.violations).concat(told(found.incomplete)),
    width: document.documentElement.scrollWidth, window: window.innerWidth, dark: matchMedia("(prefers-color-scheme: dark)").matches,
  };
});
</script>`

// checkAll shows each page in frames, which have no least width as a browser's window has, and gathers what is found.
const checkAll = `<!DOCTYPE html><title>frames</title><script>
const all = setInterval(() => {
  const found = {};
  for (const one of document.querySelectorAll("iframe")) {
    if (!one.contentWindow.checked) return;
    found[one.title] = one.contentWindow.checked;
  }
  clearInterval(all);
  const result = document.createElement("pre");
  result.id = "checked";
  result.textContent = JSON.stringify(found);
  document.body.replaceChildren(result);
}, 50);
</script>`

// accessibility is what was found in one page at one width.
type accessibility struct {
	Passes, Width, Window int
	Problems              []string
	Dark                  bool
}

// TestPageIsAccessible looks at the pages that the tests of internal/report hold, by light and in the dark, also on a phone.
func TestPageIsAccessible(t *testing.T) {
	files, err := filepath.Glob("../internal/report/testdata/*.html.golden")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	pages := map[string]string{"bad": `<html><body><p style="color:#888;background:#999">grey</p><p style="width:2000px">wide</p></body></html>`}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(file), ".html.golden")] = string(content)
	}
	for _, dark := range []bool{false, true} {
		for name, found := range checkPages(t, pages, dark) {
			if strings.HasPrefix(name, "bad") { // so that it is known that all is looked at
				if all := strings.Join(found.Problems, "\n"); !strings.Contains(all, "color-contrast") || !strings.Contains(all, "html-has-lang") || found.Width < 2000 {
					t.Errorf("in a bad page is found: %+v", found)
				}
				continue
			}
			found.hold(t, name, dark)
		}
	}
}

// accessible fails where a page is not for everybody.
func accessible(t *testing.T, pages map[string]string) {
	t.Helper()
	for name, found := range checkPages(t, pages, false) {
		found.hold(t, name, false)
	}
}

func (a accessibility) hold(t *testing.T, name string, dark bool) {
	t.Helper()
	if a.Dark != dark || !strings.HasSuffix(name, fmt.Sprintf(" at %d pixels", a.Window)) {
		t.Fatalf("%s was looked at in another way: %d pixels, dark: %t", name, a.Window, a.Dark)
	}
	if a.Passes < 10 {
		t.Errorf("%s: only %d rules passed", name, a.Passes)
	}
	if a.Width > a.Window {
		t.Errorf("%s: it is %d pixels wide", name, a.Width)
	}
	for _, problem := range a.Problems {
		t.Errorf("%s, dark: %t: %s", name, dark, problem)
	}
}

// checkPages returns what is found in each page on a desk and on a phone.
func checkPages(t *testing.T, pages map[string]string, dark bool) map[string]accessibility {
	t.Helper()
	directory := t.TempDir()
	script, err := os.ReadFile(program(t, "axe/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, directory, "axe.min.js", string(script))
	frames := checkAll
	for name, page := range pages {
		writeFile(t, directory, name+".html", strings.Replace(page, "</html>", checkPage+"</html>", 1))
		for _, width := range []int{1280, 360} {
			frames += fmt.Sprintf(`<iframe src="%s.html" title="%s at %d pixels" width="%d" height="2000" style="border:0"></iframe>`, name, name, width, width)
		}
	}
	scheme := "1"
	if dark {
		scheme = "0"
	}
	run := runToEnd(t, "/usr/bin/chromium", browserFlags(t, "--dump-dom", "--virtual-time-budget=120000", "--allow-file-access-from-files",
		"--blink-settings=preferredColorScheme="+scheme, "file://"+writeFile(t, directory, "frames.html", frames))...)
	told := regexp.MustCompile(`(?s)<pre id="checked">(.*?)</pre>`).FindStringSubmatch(run.stdout)
	if told == nil {
		t.Fatalf("axe-core said nothing (exit %d): %s", run.code, tail(run.stderr+run.stdout, 2000))
	}
	var found map[string]accessibility
	if err := json.Unmarshal([]byte(html.UnescapeString(told[1])), &found); err != nil {
		t.Fatalf("%v: %s", err, told[1])
	}
	if len(found) != 2*len(pages) {
		t.Fatalf("%d pages were looked at, of %d", len(found), 2*len(pages))
	}
	return found
}
