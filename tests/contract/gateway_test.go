package contract

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// internalService is what the gateway takes for its own internal Service.
const internalService = "net-pingora-internal.net-pingora.svc.cluster.local"

// Gateway is the built binary, serving a directory.
type Gateway struct {
	dir       string
	process   *exec.Cmd
	addresses map[string]string
	// external is a client of the external HTTP listener.
	external *http.Client
	// internal is a client of the internal HTTP listener, which serves all hosts.
	internal *http.Client
}

// startGateway runs the binary that NET_PINGORA_BINARY names, or else cargo's debug build.
func startGateway() (*Gateway, error) {
	binary := os.Getenv("NET_PINGORA_BINARY")
	if binary == "" {
		binary = "../../target/debug/net-pingora"
	}
	if _, err := os.Stat(binary); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: run cargo build first, or set NET_PINGORA_BINARY", binary)
	}
	dir, err := os.MkdirTemp("", "net-pingora-manifests-")
	if err != nil {
		return nil, err
	}
	g := &Gateway{dir: dir, addresses: map[string]string{}}
	g.external, g.internal = g.client("external-http", nil), g.client("internal-http", nil)
	g.process = exec.Command(binary, "serve", "--from", dir, "--internal-service", internalService, "--log-level", "warn",
		"--external-http", "127.0.0.1:0", "--external-https", "127.0.0.1:0", "--internal-http", "127.0.0.1:0",
		"--internal-https", "off", "--health", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain-delay", "0s")
	g.process.Stderr = os.Stderr
	if err := g.readAddresses(); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// readAddresses starts the process and reads what it says of its listeners, admin being the last.
func (g *Gateway) readAddresses() error {
	out, err := g.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := g.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for g.addresses["admin"] == "" && lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] != "listening" {
			return fmt.Errorf("the gateway says %q where a listener was expected", lines.Text())
		}
		at, err := url.Parse(words[2])
		if err != nil {
			return err
		}
		g.addresses[words[1]] = at.Host
	}
	if g.addresses["admin"] == "" {
		return errors.New("the gateway did not start")
	}
	return nil
}

func (g *Gateway) stop() {
	terminate(g.process)
	os.RemoveAll(g.dir)
}

// write puts a manifest into the directory in one step.
func (g *Gateway) write(name string, manifest []byte) error {
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path+".new", manifest, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (g *Gateway) remove(name string) error {
	return os.Remove(filepath.Join(g.dir, name))
}

// dial connects to a listener, whatever the address asked for.
func (g *Gateway) dial(listener string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", g.addresses[listener])
	}
}

// client sends everything to a listener and follows no redirect.
func (g *Gateway) client(listener string, tls *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: g.dial(listener), TLSClientConfig: tls, MaxIdleConnsPerHost: parallel},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// terminate lets a process finish what it is doing, as Kubernetes does.
func terminate(process *exec.Cmd) {
	if process.Process == nil {
		return
	}
	_ = process.Process.Signal(syscall.SIGTERM)
	_ = process.Wait()
}
