// Package sigma writes what the exporter knows of miners as Sigma rules (specification 2.0), for those who collect events of
// processes and files elsewhere. The names and words are those of package programs: there is one list.
package sigma

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/programs"
)

// rule is a Sigma rule. Its id never changes: whoever has the rule finds it again by that.
type rule struct {
	Title          string         `yaml:"title"`
	ID             string         `yaml:"id"`
	Status         string         `yaml:"status"`
	Description    string         `yaml:"description"`
	References     []string       `yaml:"references"`
	Author         string         `yaml:"author"`
	Date           string         `yaml:"date"`
	Tags           []string       `yaml:"tags"`
	LogSource      logSource      `yaml:"logsource"`
	Detection      map[string]any `yaml:"detection"`
	FalsePositives []string       `yaml:"falsepositives"`
	Level          string         `yaml:"level"`
}

type logSource struct {
	Product  string `yaml:"product"`
	Category string `yaml:"category"`
}

const (
	project = "https://github.com/cryptojack-exporter/cryptojack_exporter"
	written = "2026-11-26"
)

// Files are the rules by their names.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, r := range rules() {
		r.Status, r.Author, r.Date, r.References = "experimental", "cryptojack_exporter", written, []string{project}
		r.LogSource.Product = "linux"
		var out bytes.Buffer
		encoder := yaml.NewEncoder(&out)
		encoder.SetIndent(4)
		if err := encoder.Encode(r); err != nil {
			return nil, fmt.Errorf("write the Sigma rule %s: %w", name, err)
		}
		files[name] = out.Bytes()
	}
	return files, nil
}

func rules() map[string]*rule {
	below := func(directories []string) []string {
		var all []string
		for _, directory := range directories {
			all = append(all, directory+"/")
		}
		return all
	}
	temporary := below([]string{"/tmp", "/var/tmp", "/dev/shm"})
	var names, scripts []string
	for _, name := range programs.MinerNames() {
		names = append(names, "/"+name)
		scripts = append(scripts, "/"+name+".sh")
	}
	return map[string]*rule{
		"proc_creation_lnx_cryptojack_miner_name.yml": {
			Title: "Known Miner Or Its Guardian Started", ID: "5d0f6b52-6a5f-4c39-9a4e-4f2a0c8f6d31",
			Description: "A program starts that has the name of a known miner, or of what keeps one alive, such as kdevtmpfsi and kinsing.",
			Tags:        []string{"attack.impact", "attack.t1496.001"},
			LogSource:   logSource{Category: "process_creation"},
			Detection: map[string]any{
				"selection": map[string]any{"Image|endswith": names},
				"condition": "selection",
			},
			FalsePositives: []string{"Somebody who mines here on purpose"},
			Level:          "high",
		},
		"proc_creation_lnx_cryptojack_miner_arguments.yml": {
			Title: "Command Line Of A Miner", ID: "b1d6d0de-8f8c-4d0c-8e55-0a6f7f5d3c92",
			Description: "A program starts with arguments that only miners take, whatever it is called.",
			Tags:        []string{"attack.impact", "attack.t1496.001"},
			LogSource:   logSource{Category: "process_creation"},
			Detection: map[string]any{
				"selection": map[string]any{"CommandLine|contains": programs.MinerArguments()},
				"filter_main_search": map[string]any{
					"Image|startswith": []string{"/bin/", "/usr/bin/"},
					"Image|endswith":   endings(programs.Searchers()),
				},
				"condition": "selection and not 1 of filter_main_*",
			},
			FalsePositives: []string{"Somebody who looks for miners with a tool that is not on the list"},
			Level:          "high",
		},
		"proc_creation_lnx_cryptojack_from_service_in_temp.yml": {
			Title: "Service Starts A Program In A Temporary Directory", ID: "0c0f4f83-2f0a-4f6d-9d65-7d6d1c4f9a17",
			Description: "A program of a directory that everybody may write to is started by a service that miners enter by: a JVM (Flink, Hadoop, Spark, Jenkins), PHP, a database.",
			Tags:        []string{"attack.initial-access", "attack.execution", "attack.t1190", "attack.t1059.004"},
			LogSource:   logSource{Category: "process_creation"},
			Detection: map[string]any{
				"selection_image":  map[string]any{"Image|startswith": temporary},
				"selection_parent": map[string]any{"ParentImage|endswith": []string{"/java", "/php-fpm", "/redis-server", "/postgres", "/mysqld", "/mariadbd", "/dockerd", "/containerd-shim-runc-v2"}},
				"condition":        "all of selection_*",
			},
			FalsePositives: []string{"Java programs that unpack tools of their own, as Snappy and Netty do"},
			Level:          "medium",
		},
		"file_event_lnx_cryptojack_miner_file.yml": {
			Title: "File Of A Known Miner In A Temporary Directory", ID: "e7c0b7e6-6a3f-4f27-a6b6-0b7a3a0f5c44",
			Description: "A file with the name of a known miner, or of its dropper's script, is written to a directory that everybody may write to.",
			Tags:        []string{"attack.command-and-control", "attack.t1105"},
			LogSource:   logSource{Category: "file_event"},
			Detection: map[string]any{
				"selection_place": map[string]any{"TargetFilename|startswith": temporary},
				"selection_name":  map[string]any{"TargetFilename|endswith": slices.Concat(names, scripts)},
				"condition":       "all of selection_*",
			},
			FalsePositives: []string{"Analysts of malware"},
			Level:          "high",
		},
	}
}

func endings(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, "/"+name)
	}
	return all
}
