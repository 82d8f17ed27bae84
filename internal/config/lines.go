package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// lines are those of the file that settings stand on, from 1, by a setting's name:
// `allow`, `rules.NAME`, `allow.0` for an item of a list. What is unknown is 0.
type lines map[string]int

func (l lines) item(list string, i int) int { return l[fmt.Sprintf("%s.%d", list, i)] }

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
		found[key.Value] = key.Line
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		for j, item := range value.Content {
			switch value.Kind {
			case yaml.SequenceNode:
				found[fmt.Sprintf("%s.%d", key.Value, j)] = item.Line
			case yaml.MappingNode:
				if j%2 == 0 {
					found[key.Value+"."+item.Value] = item.Line
				}
			}
		}
	}
	return found
}
