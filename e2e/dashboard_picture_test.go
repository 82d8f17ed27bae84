package e2e

import (
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No Grafana is to be had here, so that the dashboards are drawn by these few
// lines: the layout, the titles, the data and the colours are those of Grafana, and so are
// the heights of titles and rows; the looks are not. A description waits behind an (i), as there.

const (
	cell      = 66 // a column of Grafana's grid of 24, in pixels
	rowHeight = 38 // what Grafana's are with their gap
	titleHigh = 32 // a panel's title
)

var picturePage = template.Must(template.New("").Parse(`<!DOCTYPE html><meta charset="utf-8"><style>
body{background:#111217;color:#ccccdc;font:13px DejaVu Sans,sans-serif;margin:8px;position:relative}
.panel{position:absolute;overflow:hidden;background:#181b1f;border:1px solid #2c3235;border-radius:2px;box-sizing:border-box}
.row{background:none;border:none;font-size:15px}
h3{font-size:13px;font-weight:600;margin:0;padding:0 8px;line-height:32px;height:32px;white-space:nowrap}
.why{display:inline-block;width:12px;height:12px;line-height:12px;border:1px solid #8e8e9e;border-radius:50%;color:#8e8e9e;font:600 9px/12px serif;text-align:center;margin-left:7px;vertical-align:1px}
.body{position:absolute;left:8px;right:8px;top:32px;bottom:6px;overflow:hidden}
.tile{color:#fff;position:absolute;left:0;right:0;bottom:0;top:0;border-radius:2px}
.tile b{position:absolute;left:0;right:0;top:32px;bottom:0;font-size:34px;font-weight:500;text-align:center;line-height:60px}
.stat h3{position:relative;z-index:1;color:#fff}.stat .why{color:#fffc;border-color:#fffc}.none{color:#8e8e9e;text-align:center;padding-top:28px}.stat .body{left:0;right:0;top:0;bottom:0}
table{border-collapse:collapse;width:100%;font-size:12px}td,th{padding:0 8px;height:35px;border-bottom:1px solid #2c3235;text-align:left;white-space:nowrap}
th{color:#6e9fff;font-weight:600}
.legend{font-size:11px;margin-top:4px}.legend span{margin-right:12px;white-space:nowrap}a{color:#6e9fff}
.scale{position:absolute;right:100%;padding-right:4px;color:#8e8e9e;font-size:10px;transform:translateY(-50%);white-space:nowrap}
ol{margin:4px 0;padding-left:22px;line-height:1.6}code{background:#2c3235;padding:1px 4px;border-radius:2px}
</style><body>{{range .}}<div class="panel {{.Kind}}" style="left:{{.X}}px;top:{{.Y}}px;width:{{.W}}px;height:{{.H}}px">
<h3>{{.Title}}{{if .Why}}<span class="why">i</span>{{end}}</h3><div class="body">{{.Body}}</div></div>{{end}}`))

type pictured struct {
	Kind, Title, Why string
	X, Y, W, H       int
	Body             template.HTML
}

// draw makes a picture of a dashboard from the data of a Prometheus.
func draw(t *testing.T, prometheus string, d shippedDashboard, suspect, name string) {
	t.Helper()
	answers := map[string][]answerRow{}
	for _, q := range d.queries(suspect) {
		rows, err := q.run(prometheus)
		if err != nil {
			t.Fatal(err)
		}
		answers[q.where] = rows
	}
	var panels []pictured
	height := 0
	for _, p := range d.Panels {
		g := p.GridPos
		one := pictured{p.Type, p.Title, p.Description, g.X * cell, g.Y * rowHeight, g.W*cell - 6, g.H*rowHeight - 6, ""}
		height = max(height, one.Y+one.H)
		rows := make([][]answerRow, len(p.Targets))
		for i, target := range p.Targets {
			rows[i] = answers[p.Title+" "+target.RefID]
		}
		switch p.Type {
		case "stat":
			one.Body = drawStat(p, rows)
		case "table":
			one.Body = drawTable(p, rows)
		case "timeseries":
			one.Body = drawLines(p, rows, one.W, one.H)
		case "state-timeline", "status-history":
			one.Body = drawStates(p, rows, one.W, one.H)
		case "text":
			one.Body = drawText(strings.ReplaceAll(p.Options.Content, "$suspect", suspect))
		}
		panels = append(panels, one)
	}
	var page strings.Builder
	if err := picturePage.Execute(&page, panels); err != nil {
		t.Fatal(err)
	}
	source := writeFile(t, t.TempDir(), name+".html", page.String())
	picture := filepath.Join(picturesDirectory(t), name+".png")
	shot := runToEnd(t, "/usr/bin/chromium", browserFlags(t, "--screenshot="+picture,
		fmt.Sprintf("--window-size=%d,%d", 24*cell+16, height+16), "file://"+source)...)
	if content, err := os.ReadFile(picture); err != nil || len(content) < 5000 {
		t.Errorf("%s is no picture: %v: %s", picture, err, tail(shot.stderr, 2000))
	}
	t.Logf("%s is drawn in %s", d.Title, picture)
}

// colorCode are Grafana's named colours.
func colorCode(name string) string {
	if strings.HasPrefix(name, "#") {
		return name
	}
	code, ok := map[string]string{
		"red": "#F2495C", "dark-red": "#C4162A", "orange": "#FF9830", "dark-orange": "#FA6400", "light-orange": "#FFB357", "super-light-orange": "#FFCB7D",
		"green": "#73BF69", "blue": "#5794F2", "light-blue": "#8AB8FF", "dark-blue": "#1F60C4", "super-light-blue": "#C0D8FF",
		"purple": "#B877D9", "dark-purple": "#8F3BB8", "light-purple": "#CA95E5", "super-light-purple": "#DEB6F2",
	}[name]
	if !ok {
		return "#00ffff" // to be seen
	}
	return code
}

// byThreshold is the colour of a value in a panel's or a column's scale.
func byThreshold(config any, value float64) string {
	color := ""
	scale, _ := config.(map[string]any)
	steps, _ := scale["steps"].([]any)
	for _, one := range steps {
		step := one.(map[string]any)
		if from, ok := step["value"].(float64); !ok || value >= from {
			color = step["color"].(string)
		}
	}
	return color
}

// byMapping is the text and colour that a mapping gives to a value.
func byMapping(mappings any, value string) (text, color string, ok bool) {
	list, _ := mappings.([]any)
	for _, one := range list {
		options := one.(map[string]any)["options"].(map[string]any)
		if result, found := options[value].(map[string]any); found {
			return result["text"].(string), result["color"].(string), true
		}
		if special, found := options["result"].(map[string]any); found && value == "" {
			return special["text"].(string), special["color"].(string), true
		}
	}
	return "", "", false
}
