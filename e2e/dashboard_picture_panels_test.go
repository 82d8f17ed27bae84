package e2e

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func drawStat(p shippedPanel, rows [][]answerRow) template.HTML {
	value := ""
	if len(rows[0]) > 0 {
		value = rows[0][0].last()
	}
	text, color, ok := byMapping(p.FieldConfig.Defaults["mappings"], value)
	if !ok {
		number, _ := strconv.ParseFloat(value, 64)
		text, color = formatted(number, p.FieldConfig.Defaults), byThreshold(p.FieldConfig.Defaults["thresholds"], number)
	}
	return template.HTML(fmt.Sprintf(`<div class="tile" style="background:%s"><b>%s</b></div>`, colorCode(color), template.HTMLEscapeString(text)))
}

// nothing is what Grafana shows of a panel without data.
const nothing = template.HTML(`<div class="none">No data</div>`)

// drawText draws the little Markdown of our panels: one numbered list with code and links.
func drawText(markdown string) template.HTML {
	text := template.HTMLEscapeString(markdown)
	for pattern, with := range map[string]string{"`([^`]+)`": "<code>$1</code>", `\*\*([^*]+)\*\*`: "<b>$1</b>", `\[([^\]]+)\]\([^)]+\)`: "<a href=#>$1</a>", `(?m)^\d+\. (.*)$`: "<li>$1</li>"} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return template.HTML("<ol>" + text + "</ol>")
}

func formatted(value float64, config map[string]any) string {
	digits := 2
	if config["unit"] == "percentunit" {
		digits = 0
	}
	if d, ok := config["decimals"].(float64); ok {
		digits = int(d)
	}
	switch config["unit"] {
	case "percentunit":
		return fmt.Sprintf("%.*f %%", digits, value*100)
	case "s":
		return fmt.Sprintf("%.*f s", digits, value)
	case "dateTimeFromNow":
		return time.Since(time.UnixMilli(int64(value))).Round(time.Second).String() + " ago"
	}
	if value == math.Trunc(value) {
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprintf("%.*f", digits, value)
}

// drawTable does what the transformations merge and organize do.
func drawTable(p shippedPanel, rows [][]answerRow) template.HTML {
	organize := p.Transformations[1].Options
	columns := slices.SortedFunc(maps.Keys(organize.IndexByName), func(a, b string) int {
		return cmp.Compare(organize.IndexByName[a], organize.IndexByName[b])
	})
	var lines []map[string]string
	for i, answer := range rows {
		name := "Value"
		if len(rows) > 1 {
			name += " #" + string(rune('A'+i))
		}
		for _, r := range answer {
			line := lineOf(lines, r.Metric, rows)
			if line == nil {
				line = map[string]string{}
				lines = append(lines, line)
			}
			maps.Copy(line, r.Metric)
			line[name] = r.last()
		}
	}
	if len(lines) == 0 {
		return nothing
	}
	var out strings.Builder
	out.WriteString("<table><tr>")
	for _, column := range columns {
		fmt.Fprintf(&out, "<th>%s</th>", template.HTMLEscapeString(organize.RenameByName[column]))
	}
	for _, line := range lines {
		out.WriteString("</tr><tr>")
		for _, column := range columns {
			out.WriteString(drawCell(p, organize.RenameByName[column], line[column], strings.HasPrefix(column, "Value")))
		}
	}
	out.WriteString("</tr></table>")
	return template.HTML(out.String())
}

// lineOf finds the line with the same values of the labels that all answers have.
func lineOf(lines []map[string]string, metric labels, rows [][]answerRow) map[string]string {
	for _, line := range lines {
		same := len(rows) > 1
		for _, key := range []string{"job", "instance", "suspect", "path"} {
			if value, ok := metric[key]; ok && line[key] != value {
				same = false
			}
		}
		if same {
			return line
		}
	}
	return nil
}

func drawCell(p shippedPanel, name, value string, isNumber bool) string {
	config := map[string]any{}
	for _, override := range p.FieldConfig.Overrides {
		if override.Matcher.Options == name {
			for _, property := range override.Properties {
				config[property.ID] = property.Value
			}
		}
	}
	text, color, mapped := byMapping(config["mappings"], value)
	if !mapped || value == "" {
		text = value
		if number, err := strconv.ParseFloat(value, 64); err == nil && isNumber {
			text = formatted(number, config)
			if config["thresholds"] != nil {
				color = byThreshold(config["thresholds"], number)
			}
		}
	}
	text = template.HTMLEscapeString(text)
	if config["links"] != nil {
		text = "<a href=#>" + text + "</a>"
	}
	if color == "" || value == "" {
		return "<td>" + text + "</td>"
	}
	return fmt.Sprintf(`<td style="background:%s;color:#111">%s</td>`, colorCode(color), text)
}

// drawing is one series with its name and colour.
type drawing struct {
	name, color string
	stack       bool
	row         answerRow
}

func drawings(p shippedPanel, rows [][]answerRow) []drawing {
	label := regexp.MustCompile(`\{\{(\w+)\}\}`)
	custom, _ := p.FieldConfig.Defaults["custom"].(map[string]any)
	stacking, _ := custom["stacking"].(map[string]any)
	var all []drawing
	for i, answer := range rows {
		for n, r := range answer {
			one := drawing{stack: stacking["mode"] == "normal", row: r, color: []string{"blue", "dark-blue", "light-blue", "purple", "dark-purple"}[n%5]}
			one.name = label.ReplaceAllStringFunc(p.Targets[i].LegendFormat, func(s string) string { return r.Metric[s[2:len(s)-2]] })
			if color, _ := p.FieldConfig.Defaults["color"].(map[string]any); color["mode"] == "fixed" {
				one.color = color["fixedColor"].(string)
			}
			for _, override := range p.FieldConfig.Overrides {
				named := override.Matcher.ID == "byRegexp" && regexp.MustCompile(strings.Trim(override.Matcher.Options, "/")).MatchString(one.name)
				if !named && (override.Matcher.ID != "byFrameRefID" || override.Matcher.Options != p.Targets[i].RefID) {
					continue
				}
				for _, property := range override.Properties {
					value, _ := property.Value.(map[string]any)
					switch property.ID {
					case "color":
						one.color = value["fixedColor"].(string)
					case "custom.stacking":
						one.stack = value["mode"] == "normal"
					}
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// span is the shown time: that of the data, so that a short incident is seen.
func span(all []drawing) (from, to float64) {
	from = math.Inf(1)
	for _, one := range all {
		for _, v := range one.row.Values {
			from, to = min(from, v[0].(float64)), max(to, v[0].(float64))
		}
	}
	return from, max(to, from+1)
}

func drawLines(p shippedPanel, rows [][]answerRow, width, height int) template.HTML {
	all := drawings(p, rows)
	from, to := span(all)
	const left = 48 // for the scale
	w, h := float64(width-20-left), float64(height-titleHigh-56)
	base, top := map[float64]float64{}, 0.0
	paths := make([][][3]float64, len(all)) // time, from, to
	for i, one := range all {
		for _, v := range one.row.Values {
			at := v[0].(float64)
			value, err := strconv.ParseFloat(v[1].(string), 64)
			if err != nil || math.IsNaN(value) {
				continue
			}
			low := 0.0
			if one.stack {
				low = base[at]
				base[at] += value
			}
			top = max(top, low+value)
			paths[i] = append(paths[i], [3]float64{at, low, low + value})
		}
	}
	if len(all) == 0 {
		return nothing
	}
	top = niceTop(top)
	custom, _ := p.FieldConfig.Defaults["custom"].(map[string]any)
	bars := custom["drawStyle"] == "bars"
	var svg, legend strings.Builder
	for i, one := range all {
		var points, back string
		color := colorCode(one.color)
		for _, point := range paths[i] {
			x := (point[0] - from) / (to - from) * w
			if bars {
				fmt.Fprintf(&svg, `<rect x="%.1f" y="%.1f" width="4" height="%.1f" fill="%s"/>`, x, h-point[2]/top*h, (point[2]-point[1])/top*h, color)
			}
			points += fmt.Sprintf("%.1f,%.1f ", x, h-point[2]/top*h)
			back = fmt.Sprintf("%.1f,%.1f ", x, h-point[1]/top*h) + back
		}
		if one.stack && !bars {
			fmt.Fprintf(&svg, `<polygon points="%s" fill="%s" opacity=".6"/>`, points+back, color)
		}
		if bars {
			points = ""
		}
		fmt.Fprintf(&svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, points, color)
		fmt.Fprintf(&legend, `<span><b style="color:%s">&#9644;</b> %s</span>`, color, template.HTMLEscapeString(one.name))
	}
	var grid, scale strings.Builder
	for i := range 3 {
		y := h * float64(i) / 2
		fmt.Fprintf(&grid, `<line x1="0" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#2c3235"/>`, w, y, y)
		fmt.Fprintf(&scale, `<span class="scale" style="top:%.0fpx">%s</span>`, y, template.HTMLEscapeString(formatted(top*(1-float64(i)/2), p.FieldConfig.Defaults)))
	}
	var times strings.Builder
	for i := range 3 {
		at := time.Unix(int64(from+(to-from)*float64(i)/2), 0).UTC().Format("15:04:05")
		fmt.Fprintf(&times, `<span style="position:absolute;left:%d%%;transform:translateX(-%d%%);color:#8e8e9e;font-size:10px">%s</span>`, 50*i, 50*i, at)
	}
	return template.HTML(fmt.Sprintf(`<div style="margin:4px 0 0 %dpx;width:%.0fpx"><div style="position:relative;height:%.0fpx">%s<svg width="%.0f" height="%.0f" overflow="visible">%s%s</svg></div><div style="position:relative;height:14px">%s</div><div class="legend">%s</div></div>`,
		left, w, h, scale.String(), w, h, grid.String(), svg.String(), times.String(), legend.String()))
}

// niceTop is the next number that a scale ends with.
func niceTop(top float64) float64 {
	if top == 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(max(top, 0.001))))
	for _, times := range []float64{1, 2, 4, 5, 10} {
		if top <= times*unit {
			return times * unit
		}
	}
	return top
}

func drawStates(p shippedPanel, rows [][]answerRow, width, height int) template.HTML {
	const left = 150 // for names
	all := drawings(p, rows)
	from, to := span(all)
	if len(all) == 0 {
		return nothing
	}
	var out strings.Builder
	w, each := float64(width-20-left), float64(height-titleHigh-12)/float64(max(len(all), 1))
	for _, one := range all {
		high := .85 * each
		fmt.Fprintf(&out, `<div style="display:flex;height:%.1fpx;line-height:%.1fpx"><span style="width:%dpx;overflow:hidden;white-space:nowrap;font-size:11px">%s</span><svg width="%.0f" height="%.1f" style="background:#202226">`,
			each, high, left, template.HTMLEscapeString(one.name), w, high)
		for i, values := 0, one.row.Values; i < len(values); i++ {
			v := values[i]
			value, _ := strconv.ParseFloat(v[1].(string), 64)
			text, color, ok := byMapping(p.FieldConfig.Defaults["mappings"], v[1].(string))
			if !ok {
				text, color = formatted(value, p.FieldConfig.Defaults), byThreshold(p.FieldConfig.Defaults["thresholds"], value)
			}
			if color == "" {
				color = one.color
			}
			for i+1 < len(values) && values[i+1][1] == v[1] {
				i++ // Grafana merges what is equal
			}
			until := to
			if i+1 < len(values) {
				until = values[i+1][0].(float64)
			}
			x := (v[0].(float64) - from) / (to - from) * w
			fmt.Fprintf(&out, `<rect x="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, (until-v[0].(float64))/(to-from)*w+.5, high, colorCode(color))
			fmt.Fprintf(&out, `<text x="%.1f" y="%.1f" font-size="11" fill="#111">%s</text>`, x+4, high/2+4, template.HTMLEscapeString(text))
		}
		out.WriteString("</svg></div>")
	}
	return template.HTML(out.String())
}
