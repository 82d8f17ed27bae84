package generate

import "strconv"

func row(title string) panel {
	open := false
	return panel{Type: "row", Title: title, GridPos: gridPos{W: everyRow, H: 1}, Collapsed: &open, Panels: []panel{}}
}

// show is a panel with queries; refs A, B, C ... are given in their order.
func show(kind, title, description string, w, h int, queries ...target) panel {
	from := prometheus()
	for i := range queries {
		queries[i].RefID, queries[i].Datasource = string(rune('A'+i)), from
	}
	return panel{
		Type: kind, Title: title, Description: description, GridPos: gridPos{W: w, H: h}, Datasource: &from, Targets: queries,
		FieldConfig: &fieldConfig{Defaults: object{"unit": "none"}, Overrides: []override{}}, Options: object{},
	}
}

// now asks for the newest value, lines for all of the shown time.
func now(expr string) target           { return target{Expr: expr, LegendFormat: "__auto", Instant: true} }
func cells(expr string) target         { return target{Expr: expr, Instant: true, Format: "table"} }
func lines(expr, legend string) target { return target{Expr: expr, LegendFormat: legend, Range: true} }

// number is a stat.
func number(title, description string, w int, scale object, expr string) panel {
	p := show("stat", title, description, w, 3, now(expr))
	p.set("thresholds", scale).set("color", object{"mode": "thresholds"}).set("mappings", []object{noData()}).set("noValue", "No data").set("decimals", 0)
	p.Options = object{
		"colorMode": "background", "graphMode": "none", "justifyMode": "center", "textMode": "value", "orientation": "auto",
		"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	return p
}

// graph draws lines. What has no colour of its own gets one by its size, from
// blue to purple: those of the classic palette would look like a verdict.
func graph(title, description string, w int, queries ...target) panel {
	p := show("timeseries", title, description, w, 7, queries...)
	p.set("min", 0).set("color", object{"mode": "continuous-BlPu", "seriesBy": "last"}).set("custom", object{
		"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": false,
		"stacking": object{"mode": "none", "group": "A"},
	})
	p.Options = object{
		"legend":  object{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []string{}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked fills a graph; bars are for what happened in each step.
func (p panel) stacked() panel {
	return p.custom("fillOpacity", 60).custom("stacking", object{"mode": "normal", "group": "A"})
}

func (p panel) bars() panel {
	return p.custom("drawStyle", "bars").stacked()
}

func (p panel) custom(key string, value any) panel {
	p.FieldConfig.Defaults["custom"].(object)[key] = value
	return p
}

func (p panel) set(key string, value any) panel {
	p.FieldConfig.Defaults[key] = value
	return p
}

func (p panel) unit(unit string) panel { return p.set("unit", unit) }

func (p panel) paint(overrides ...override) panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, overrides...)
	return p
}

func (p panel) high(h int) panel {
	p.GridPos.H = h
	return p
}

// states draws a row of blocks for each series, one for each time that the
// value changes. The points are few, so that a block is wide enough to be seen.
func states(title, description string, w int, query target) panel {
	p := show("state-timeline", title, description, w, 5, query)
	p.MaxDataPoints = 120
	p.set("color", fixed(unseen)).set("mappings", []object{noData()}).set("custom", object{"fillOpacity": 80, "lineWidth": 0})
	p.Options = object{
		"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.85,
		"legend":  object{"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []string{}},
		"tooltip": object{"mode": "single", "sort": "none"},
	}
	return p
}

// inSteps colours states by thresholds. Grafana then shows the step, so that
// words need inWords.
func (p panel) inSteps(scale object) panel {
	return p.set("thresholds", scale).set("color", object{"mode": "thresholds"})
}

func (p panel) inWords(m object) panel { return p.set("mappings", []object{m, noData()}) }

// text is a panel of Markdown.
func text(title, description string, w, h int, lines ...string) panel {
	content := ""
	for i, line := range lines {
		content += strconv.Itoa(i+1) + ". " + line + "\n"
	}
	p := panel{Type: "text", Title: title, Description: description, GridPos: gridPos{W: w, H: h}}
	p.Options = object{"mode": "markdown", "content": content}
	return p
}
