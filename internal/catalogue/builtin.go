package catalogue

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue.yml
var builtin []byte

// Default returns the built-in catalogue: services that reports of campaigns
// name as a miner's way in. The head of catalogue.yml says what is listed.
func Default() ([]Service, error) {
	var file struct {
		Services []Service `yaml:"services"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(builtin))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("built-in catalogue: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("built-in catalogue: more than one document")
	}
	for i := range file.Services {
		if err := file.Services[i].check(); err != nil {
			return nil, fmt.Errorf("built-in catalogue: %w", err)
		}
	}
	return file.Services, nil
}

// uncatalogued are well-known servers that are no service of the catalogue, whatever
// port they listen on.
func uncatalogued() []string {
	return []string{
		"nginx", "apache2", "httpd", "lighttpd", "caddy", "haproxy", "envoy", "traefik", "squid", "varnishd",
		"systemd", "systemd-resolved", "dnsmasq", "named", "unbound", "chronyd", "avahi-daemon", "cupsd",
		"prometheus", "node_exporter", "alertmanager", "grafana", "grafana-server", "rpcbind", "smbd",
	}
}
