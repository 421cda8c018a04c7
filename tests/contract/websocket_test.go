package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"knative.dev/networking/pkg/apis/networking"
)

// startEcho starts the WebSocket image, which echoes a message with a suffix.
func startEcho(t *testing.T, suffix string) *Backend {
	t.Helper()
	return startBackend(t, "wsserver", networking.ServicePortNameHTTP1, "SUFFIX="+suffix)
}

// dialWebSocket opens a connection that ends with the test.
func dialWebSocket(t *testing.T, host string) *websocket.Conn {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: gateway.dial("external-http"), HandshakeTimeout: patience}
	conn, _, err := dialer.Dial("ws://"+host+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo sends a message and gives back the suffix of its echo.
func echo(t *testing.T, conn *websocket.Conn, number int) string {
	t.Helper()
	message := fmt.Sprintf("ping %d", number)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		t.Fatal(err)
	}
	_, answer, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	suffix, echoed := strings.CutPrefix(string(answer), message+" ")
	if !echoed {
		t.Fatalf("the echo of %q is %q", message, answer)
	}
	return suffix
}

func TestWebsocket(t *testing.T) {
	t.Parallel()
	backend := startEcho(t, "- pong")
	serve(t, backend.name, public(hostOf(backend.name), path(backend.split(0, nil))))
	conn := dialWebSocket(t, hostOf(backend.name))
	for number := range 100 {
		if got := echo(t, conn, number); got != "- pong" {
			t.Fatalf("message %d came back with %q", number, got)
		}
	}
}

func TestWebsocketSplit(t *testing.T) {
	t.Parallel()
	blue, green := startEcho(t, "- blue"), startEcho(t, "- green")
	host := hostOf(blue.name)
	serve(t, blue.name, public(host, path(blue.split(50, nil), green.split(50, nil))))
	seen := map[string]bool{}
	for range 100 {
		conn := dialWebSocket(t, host)
		suffix := echo(t, conn, 0)
		seen[suffix] = true
		for number := range 10 {
			if got := echo(t, conn, number); got != suffix {
				t.Fatalf("a connection to %q came to %q", suffix, got)
			}
		}
		if len(seen) == 2 {
			return
		}
	}
	t.Errorf("100 connections saw %v only", seen)
}
