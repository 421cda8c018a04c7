// Command images writes static binaries as container images, laid out as ko does: one docker-archive on
// standard output with an image PREFIX/NAME:TAG for every FILE, NAME being the file's.
//
//	images [-user UID] PREFIX TAG FILE...
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

type entry struct {
	name    string
	mode    int64
	content []byte
}

// image is a line of a docker-archive's manifest.json.
type image struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func main() {
	user := flag.String("user", "65532", "the user the image runs as")
	flag.Parse()
	if flag.NArg() < 3 {
		fmt.Fprintln(os.Stderr, "usage: images [-user UID] PREFIX TAG FILE...")
		os.Exit(2)
	}
	if err := write(*user, flag.Arg(0), flag.Arg(1), flag.Args()[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func write(user, prefix, tag string, files []string) error {
	archive := tar.NewWriter(os.Stdout)
	base, err := layer(baseFiles())
	if err != nil {
		return err
	}
	if err := add(archive, base); err != nil {
		return err
	}
	var manifest []image
	for _, file := range files {
		binary, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := filepath.Base(file)
		program, err := layer([]entry{{"ko-app/", 0o755, nil}, {"ko-app/" + name, 0o755, binary}})
		if err != nil {
			return err
		}
		settings, err := config(user, "/ko-app/"+name, base, program)
		if err != nil {
			return err
		}
		for _, part := range []entry{program, settings} {
			if err := add(archive, part); err != nil {
				return err
			}
		}
		manifest = append(manifest, image{settings.name, []string{prefix + "/" + name + ":" + tag}, []string{base.name, program.name}})
	}
	index, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	if err := add(archive, entry{"manifest.json", 0o644, index}); err != nil {
		return err
	}
	return archive.Close()
}

// baseFiles is what a static Go binary expects of its root.
func baseFiles() []entry {
	return []entry{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n")},
		{"etc/group", 0o644, []byte("root:x:0:\nnonroot:x:65532:\n")},
		{"etc/nsswitch.conf", 0o644, []byte("hosts: files dns\n")},
		{"tmp/", 0o1777, nil},
		{"var/run/ko/", 0o755, nil},
	}
}

// layer is a tar of the files, named by its digest.
func layer(files []entry) (entry, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, file := range files {
		if err := add(archive, file); err != nil {
			return entry{}, err
		}
	}
	if err := archive.Close(); err != nil {
		return entry{}, err
	}
	return entry{digest(content.Bytes()) + ".tar", 0o644, content.Bytes()}, nil
}

func config(user, entrypoint string, layers ...entry) (entry, error) {
	var digests []string
	for _, layer := range layers {
		digests = append(digests, "sha256:"+digest(layer.content))
	}
	content, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": []string{entrypoint},
			"User":       user,
			"Env":        []string{"PATH=/ko-app", "KO_DATA_PATH=/var/run/ko"},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": digests},
	})
	return entry{digest(content) + ".json", 0o644, content}, err
}

func add(archive *tar.Writer, file entry) error {
	header := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.content)), Typeflag: tar.TypeReg}
	if file.content == nil {
		header.Typeflag = tar.TypeDir
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(file.content)
	return err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
