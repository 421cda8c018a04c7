package contract

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// gateway is the one that all tests share.
var gateway *Gateway

// images is the folder of Knative's test images, built as programs.
var images string

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "net-pingora-cluster-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	images = dir
	if err := buildImages(); err != nil {
		return 1, err
	}
	gateway, err = startGateway()
	if err != nil {
		return 1, err
	}
	defer gateway.stop()
	return m.Run(), nil
}

// buildImages builds the tools of go.mod, which are the images.
func buildImages() error {
	build := exec.Command("go", "build", "-o", images+"/", "tool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build Knative's test images: %w\n%s", err, output)
	}
	return nil
}
