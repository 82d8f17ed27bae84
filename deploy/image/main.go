// Image makes the container image of the exporter, without a network and without a container engine:
//
//	image -out FILE -version VERSION -revision COMMIT -epoch SECONDS -license LICENSE amd64=PROGRAM arm64=PROGRAM
//	image -root DIRECTORY -license LICENSE PROGRAM
//
// The first writes an archive with an image for each architecture, which one OCI image index names. The same
// input gives the same bytes. The second lays out what is in such an image, for the Dockerfile; it has to run as root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	out := flags.String("out", "", "archive to write")
	root := flags.String("root", "", "directory to lay out the content of one image in, instead of an archive")
	license := flags.String("license", "LICENSE", "text of the licence")
	var about about
	flags.StringVar(&about.version, "version", "unknown", "version of the exporter")
	flags.StringVar(&about.revision, "revision", "unknown", "commit that it is built from")
	epoch := flags.Int64("epoch", 0, "when it was made, in seconds since 1970: the time of the commit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	about.created = time.Unix(*epoch, 0).UTC()
	licence, err := os.ReadFile(*license)
	if err != nil {
		return fmt.Errorf("read the licence: %w", err)
	}
	switch {
	case *root != "" && flags.NArg() == 1:
		program, err := os.ReadFile(flags.Arg(0))
		if err != nil {
			return fmt.Errorf("read the program: %w", err)
		}
		return layOut(*root, contentOf(program, licence))
	case *out != "" && flags.NArg() > 0:
		var images []image
		for _, argument := range flags.Args() {
			architecture, name, found := strings.Cut(argument, "=")
			if !found {
				return fmt.Errorf("%q is not like amd64=PROGRAM", argument)
			}
			program, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("read the program: %w", err)
			}
			made, err := newImage(architecture, about, contentOf(program, licence))
			if err != nil {
				return fmt.Errorf("make the image of %s: %w", architecture, err)
			}
			images = append(images, made)
		}
		return writeArchive(*out, about, images, stdout)
	default:
		return errors.New("give -out FILE and architectures, or -root DIRECTORY and a program; see -help")
	}
}

// writeArchive replaces the file as a whole, and says what is in it.
func writeArchive(name string, about about, images []image, stdout io.Writer) error {
	archive, digest, err := newArchive(about, images)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make the directory of the archive: %w", err)
	}
	if err := os.WriteFile(name+".new", archive, 0o644); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("put the archive in its place: %w", err)
	}
	fmt.Fprintf(stdout, "%s: index %s\n", name, digest)
	for _, made := range images {
		fmt.Fprintf(stdout, "  linux/%s %s: %.1f MB, %.1f MB unpacked\n", made.architecture, made.manifest.digest(), float64(made.size())/1e6, float64(made.unpacked)/1e6)
	}
	return nil
}
