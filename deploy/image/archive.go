package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"time"
)

// Types of what an archive holds (opencontainers/image-spec, media-types.md).
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

const (
	imageName   = "cryptojack_exporter"
	description = "Prometheus exporter that finds cryptojacking on Linux hosts"
	source      = "https://github.com/cryptojack-exporter/cryptojack_exporter"
)

// about is what the image says of itself.
type about struct {
	version, revision string
	created           time.Time
}

// annotations are labels of the image, and annotations of manifest and index (image-spec, annotations.md).
func (a about) annotations() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":         imageName,
		prefix + "description":   description,
		prefix + "licenses":      "Apache-2.0",
		prefix + "source":        source,
		prefix + "url":           source,
		prefix + "documentation": source + "/blob/main/docs/install.md",
		prefix + "version":       a.version,
		prefix + "revision":      a.revision,
		prefix + "created":       a.created.Format(time.RFC3339),
	}
}

// blob is something that is known by its content.
type blob []byte

func (b blob) digest() string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func (b blob) path() string { return fmt.Sprintf("blobs/sha256/%x", sha256.Sum256(b)) }

// describe refers to the blob.
func (b blob) describe(kind string) descriptor {
	return descriptor{MediaType: kind, Digest: b.digest(), Size: len(b)}
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"` // of an index
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// config is the image's configuration: OCI's (image-spec, config.md) with Docker's Healthcheck, which is not OCI's. Docker
// honours it in an OCI image too, and BuildKit writes it there (moby/docker-image-spec); Podman and Kubernetes do not.
type config struct {
	Created      time.Time     `json:"created"`
	Architecture string        `json:"architecture"`
	OS           string        `json:"os"`
	Config       runtimeConfig `json:"config"`
	RootFS       rootFS        `json:"rootfs"`
	History      []history     `json:"history"`
}

type runtimeConfig struct {
	User         string              `json:"User"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts"`
	Env          []string            `json:"Env"`
	Entrypoint   []string            `json:"Entrypoint"`
	WorkingDir   string              `json:"WorkingDir"`
	Labels       map[string]string   `json:"Labels"`
	Healthcheck  healthcheck         `json:"Healthcheck"`
}

type healthcheck struct {
	Test                           []string
	Interval, Timeout, StartPeriod time.Duration // in nanoseconds
	Retries                        int
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
}

// image is the image of one architecture.
type image struct {
	architecture            string
	manifest, config, layer blob
	unpacked                int // bytes of the layer
}

// size is how many bytes are fetched of it.
func (i image) size() int { return len(i.manifest) + len(i.config) + len(i.layer) }

func newImage(architecture string, about about, content []entry) (image, error) {
	unpacked, err := layer(content, about.created)
	if err != nil {
		return image{}, err
	}
	made := image{architecture: architecture, unpacked: len(unpacked)}
	if made.layer, err = compress(unpacked); err != nil {
		return image{}, err
	}
	program := "/" + programPath
	if made.config, err = json.Marshal(config{
		Created: about.created, Architecture: architecture, OS: "linux",
		Config: runtimeConfig{
			User:         fmt.Sprintf("%d:%d", userID, userID),
			ExposedPorts: map[string]struct{}{"10042/tcp": {}},
			Env:          []string{"PATH=/bin", certificates},
			Entrypoint:   []string{program},
			WorkingDir:   "/",
			Labels:       about.annotations(),
			Healthcheck: healthcheck{
				Test: []string{"CMD", program, "healthcheck"}, Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 30 * time.Second, Retries: 3,
			},
		},
		RootFS:  rootFS{"layers", []string{blob(unpacked).digest()}},
		History: []history{{about.created, "make image"}},
	}); err != nil {
		return image{}, fmt.Errorf("write the configuration: %w", err)
	}
	configuration := made.config.describe(typeConfig)
	if made.manifest, err = json.Marshal(manifest{
		SchemaVersion: 2, MediaType: typeManifest, Config: &configuration, Layers: []descriptor{made.layer.describe(typeLayer)}, Annotations: about.annotations(),
	}); err != nil {
		return image{}, fmt.Errorf("write the manifest: %w", err)
	}
	return made, nil
}

// certificates are the authorities that the host trusts, where its root directory is mounted as the manual says, for
// webhooks of https: the image has none of its own, which would grow old. Of Debian, Alpine and Arch; of Fedora; of openSUSE.
const certificates = "SSL_CERT_DIR=/host/etc/ssl/certs:/host/etc/ca-certificates/extracted:/host/etc/pki/ca-trust/extracted/pem:/host/var/lib/ca-certificates"

func compress(content []byte) ([]byte, error) {
	var buffer bytes.Buffer
	writer, err := gzip.NewWriterLevel(&buffer, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if _, err := writer.Write(content); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return buffer.Bytes(), nil
}

// loadable is an image in the manifest.json of `docker save`, which engines read that do not know OCI's index.json.
type loadable struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// newArchive puts the images into a tar archive: an OCI image layout (image-spec, image-layout.md) whose index.json names
// the index of all architectures by its version. It returns the index's digest too.
func newArchive(about about, images []image) (archive []byte, digest string, err error) {
	index := manifest{SchemaVersion: 2, MediaType: typeIndex, Annotations: about.annotations()}
	var loadables []loadable
	var blobs []blob
	for _, made := range images {
		described := made.manifest.describe(typeManifest)
		described.Platform = &platform{made.architecture, "linux"}
		index.Manifests = append(index.Manifests, described)
		loadables = append(loadables, loadable{made.config.path(), []string{imageName + ":" + about.version + "-" + made.architecture}, []string{made.layer.path()}})
		blobs = append(blobs, made.manifest, made.config, made.layer)
	}
	all, err := json.Marshal(index)
	if err != nil {
		return nil, "", fmt.Errorf("write the index: %w", err)
	}
	blobs = append(blobs, all)
	named := blob(all).describe(typeIndex)
	named.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": about.version,
		"io.containerd.image.name":          imageName + ":" + about.version,
	}
	top, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{named}})
	if err != nil {
		return nil, "", fmt.Errorf("write index.json: %w", err)
	}
	forLoad, err := json.Marshal(loadables)
	if err != nil {
		return nil, "", fmt.Errorf("write manifest.json: %w", err)
	}

	var buffer bytes.Buffer
	out := tar.NewWriter(&buffer)
	add := func(name string, content []byte) error {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: about.created}); err != nil {
			return fmt.Errorf("put %s into the archive: %w", path.Base(name), err)
		}
		_, err := out.Write(content)
		return err
	}
	files := []struct {
		name    string
		content []byte
	}{{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)}, {"index.json", top}, {"manifest.json", forLoad}}
	written := map[string]bool{}
	for _, b := range blobs {
		if !written[b.path()] {
			written[b.path()] = true
			files = append(files, struct {
				name    string
				content []byte
			}{b.path(), b})
		}
	}
	for _, file := range files {
		if err := add(file.name, file.content); err != nil {
			return nil, "", err
		}
	}
	if err := out.Close(); err != nil {
		return nil, "", fmt.Errorf("end the archive: %w", err)
	}
	return buffer.Bytes(), blob(all).digest(), nil
}
