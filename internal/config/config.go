// Package config reads the configuration file: YAML, strict, and checked as a
// whole before any of it is used.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cryptojack-exporter/cryptojack_exporter/internal/catalogue"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/files"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/notify"
	"github.com/cryptojack-exporter/cryptojack_exporter/internal/policy"
)

const (
	sizeLimit      = 4 << 20
	maxDirectories = 32 // each is a label value
)

var sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Config is what a user may set in a file.
type Config struct {
	Directories []string
	Policy      policy.Policy
	Catalogue   *catalogue.Catalogue
	Probe       bool            // services are asked whether they let anybody in
	Webhook     *notify.Webhook // critical findings are posted there; nil

	settings map[string]position // what findings depend on, in words, and where it stands; see listSettings
	services []catalogue.Service // what is added to the catalogue
	lists    []list              // of indicators, by file
}

// document is the file as it is written.
type document struct {
	Directories []string            `yaml:"directories"`
	Hashes      []string            `yaml:"known_miner_sha256"`
	Pools       []string            `yaml:"pool_addresses"`
	HashFiles   []string            `yaml:"known_miner_sha256_files"` // one a line
	PoolFiles   []string            `yaml:"pool_address_files"`       // likewise
	Allow       []allow             `yaml:"allow"`
	Rules       map[string]string   `yaml:"rules"`
	Services    []catalogue.Service `yaml:"services"`
	Probe       *bool               `yaml:"probe"` // on unless it says false
	Notify      *notifySettings     `yaml:"notify"`
}

// Load reads files, and gives the defaults where there is none; an empty name is none. The lists of several files are joined; what is no list may be set
// in one of them only.
func Load(names ...string) (*Config, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
	var whole document
	at := lines{}
	for _, name := range names {
		if err := whole.addFile(at, name, len(names) > 1); err != nil {
			return nil, err
		}
	}
	config, err := build(&whole, at)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", strings.Join(names, ", "), err)
	}
	return config, nil
}

// addFile joins a file to the document. Of several each is checked by itself first: a mistake is told of the file that has it.
func (d *document) addFile(at lines, name string, isOneOfSeveral bool) error {
	content, err := read(name)
	if err != nil {
		return err
	}
	added, err := decode(content)
	stands, file := linesOf(content), ""
	if err == nil && isOneOfSeveral {
		file = name
		_, err = build(added, stands)
	}
	if err == nil {
		err = d.add(added, at, stands, file)
	}
	if err != nil {
		return fmt.Errorf("configuration %s: %w", name, err)
	}
	return nil
}

// read reads one file.
func read(name string) ([]byte, error) {
	file, err := openRegular(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, sizeLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(content) > sizeLimit {
		return nil, fmt.Errorf("read the configuration %s: it is larger than %d bytes", name, sizeLimit)
	}
	return content, nil
}

func decode(content []byte) (*document, error) {
	d := &document{}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(d); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := decoder.Decode(new(document)); !errors.Is(err, io.EOF) {
		return nil, errors.New("only one YAML document may be in the file")
	}
	return d, nil
}

func build(d *document, lines lines) (*Config, error) {
	directories, err := d.directories()
	if err != nil {
		return nil, err
	}
	policy, err := d.policy(lines)
	if err != nil {
		return nil, err
	}
	catalogue, err := catalogue.New(d.Services...)
	if err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	webhook, err := d.webhook()
	if err != nil {
		return nil, fmt.Errorf("notify, webhook: %w", err)
	}
	config := &Config{Webhook: webhook, Directories: directories, Policy: policy, Catalogue: catalogue, Probe: d.Probe == nil || *d.Probe}
	if err := config.readLists(d.HashFiles, d.PoolFiles); err != nil {
		return nil, err
	}
	config.listSettings(d, lines)
	return config, nil
}

func (d *document) directories() ([]string, error) {
	if d.Directories == nil {
		return files.DefaultDirectories(), nil
	}
	if len(d.Directories) > maxDirectories {
		return nil, fmt.Errorf("directories: at most %d, not %d", maxDirectories, len(d.Directories))
	}
	seen := map[string]bool{}
	var directories []string
	for _, directory := range d.Directories {
		if !filepath.IsAbs(directory) {
			return nil, fmt.Errorf("directories: %q is not an absolute path", directory)
		}
		clean := filepath.Clean(directory)
		if seen[clean] {
			return nil, fmt.Errorf("directories: %q is there twice", clean)
		}
		seen[clean] = true
		directories = append(directories, clean)
	}
	return directories, nil
}

func (d *document) policy(lines lines) (policy.Policy, error) {
	settings := policy.Policy{Hashes: map[string]bool{}}
	for i, hash := range d.Hashes {
		lower := strings.ToLower(hash)
		if !sha256Pattern.MatchString(lower) {
			return settings, fmt.Errorf("known_miner_sha256, entry %d: %q is not 64 hex digits", i+1, hash)
		}
		settings.Hashes[lower] = true
	}
	for i, address := range d.Pools {
		pool, err := parsePool(address)
		if err != nil {
			return settings, fmt.Errorf("pool_addresses, entry %d: %w", i+1, err)
		}
		settings.Pools = append(settings.Pools, pool)
	}
	var err error
	if settings.Limits, err = d.limits(lines); err != nil {
		return settings, err
	}
	settings.Allow, err = d.allowList(lines)
	return settings, err
}

// parsePool reads "ADDRESS", "ADDRESS:PORT" or "ADDRESS/BITS". Names are refused:
// to resolve them would tell the network what this host looks for, and whoever
// answers could choose what it finds.
func parsePool(s string) (policy.Pool, error) {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return policy.Pool{Prefix: prefix.Masked()}, nil
	}
	if address, err := netip.ParseAddr(s); err == nil {
		return policy.Pool{Prefix: netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())}, nil
	}
	endpoint, err := netip.ParseAddrPort(s)
	if err != nil {
		return policy.Pool{}, fmt.Errorf("%q is not an address, a range (192.0.2.0/24) or an address with a port; names are not resolved", s)
	}
	address := endpoint.Addr().Unmap()
	return policy.Pool{Prefix: netip.PrefixFrom(address, address.BitLen()), Port: endpoint.Port()}, nil
}
