// Package image runs the container image as a host would, by runc, which Docker, containerd and Podman run containers with.
// `make image-check` makes the image and calls it.
package image
