package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// position is where a setting stands.
type position struct {
	file string // where there are several; "" else
	line int    // from 1; 0 if unknown
}

// lines are the positions of settings, by a setting's name: `allow`, `rules.NAME`, `allow.0` for an item of a list.
type lines map[string]position

func (l lines) item(list string, i int) position { return l[fmt.Sprintf("%s.%d", list, i)] }

// linesOf reads them. Content that is not valid has none: it is refused elsewhere.
func linesOf(content []byte) lines {
	var root yaml.Node
	found := lines{}
	if err := yaml.Unmarshal(content, &root); err != nil || len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return found
	}
	settings := root.Content[0].Content
	for i := 0; i+1 < len(settings); i += 2 {
		key, value := settings[i], settings[i+1]
		found[key.Value] = position{line: key.Line}
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		for j, item := range value.Content {
			switch value.Kind {
			case yaml.SequenceNode:
				found[fmt.Sprintf("%s.%d", key.Value, j)] = position{line: item.Line}
			case yaml.MappingNode:
				if j%2 == 0 {
					found[key.Value+"."+item.Value] = position{line: item.Line}
				}
			}
		}
	}
	return found
}

// add joins the document of another file to this one, and its positions to these: its lists go on where these end, and what is no list may
// be set once.
func (d *document) add(other *document, at, from lines, file string) error {
	before := map[string]int{
		"directories": len(d.Directories), "known_miner_sha256": len(d.Hashes), "known_miner_sha256_files": len(d.HashFiles),
		"pool_addresses": len(d.Pools), "pool_address_files": len(d.PoolFiles), "allow": len(d.Allow), "services": len(d.Services),
	}
	for rule, severity := range other.Rules {
		if _, set := d.Rules[rule]; set {
			return fmt.Errorf("rules: %s is set before too: %s", rule, at["rules."+rule].file)
		}
		if d.Rules == nil {
			d.Rules = map[string]string{}
		}
		d.Rules[rule] = severity
	}
	switch {
	case other.Probe != nil && d.Probe != nil:
		return fmt.Errorf("probe is set before too: %s", at["probe"].file)
	case other.Notify != nil && d.Notify != nil:
		return fmt.Errorf("notify is set before too: %s", at["notify"].file)
	}
	if other.Probe != nil {
		d.Probe = other.Probe
	}
	if other.Notify != nil {
		d.Notify = other.Notify
	}
	if other.Directories != nil {
		d.Directories = append(append([]string{}, d.Directories...), other.Directories...) // not nil: the defaults are not meant
	}
	d.Hashes, d.HashFiles = append(d.Hashes, other.Hashes...), append(d.HashFiles, other.HashFiles...)
	d.Pools, d.PoolFiles = append(d.Pools, other.Pools...), append(d.PoolFiles, other.PoolFiles...)
	d.Allow, d.Services = append(d.Allow, other.Allow...), append(d.Services, other.Services...)
	for key, stands := range from {
		stands.file = file
		list, item, _ := strings.Cut(key, ".")
		if i, err := strconv.Atoi(item); err == nil {
			key = fmt.Sprintf("%s.%d", list, before[list]+i)
		}
		at[key] = stands
	}
	return nil
}
