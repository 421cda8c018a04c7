package contract

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"knative.dev/networking/pkg/apis/networking"
	ping "knative.dev/networking/test/test_images/grpc-ping/proto"
)

// startPing starts the gRPC image, which echoes a message with a suffix.
func startPing(t *testing.T, suffix string) *Backend {
	t.Helper()
	return startBackend(t, "grpc-ping", networking.ServicePortNameH2C, "SUFFIX="+suffix)
}

// pingClient speaks to a host through the external listener, on one connection.
func pingClient(t *testing.T, host string) ping.PingServiceClient {
	t.Helper()
	dial := gateway.dial("external-http")
	conn, err := grpc.NewClient("passthrough:///"+host+":80",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dial(ctx, "tcp", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return ping.NewPingServiceClient(conn)
}

// pingStream opens a stream that ends with the test.
func pingStream(t *testing.T, client ping.PingServiceClient) ping.PingService_PingStreamClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	stream, err := client.PingStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// pong sends a message and gives back the suffix of its echo.
func pong(t *testing.T, stream ping.PingService_PingStreamClient, number int) string {
	t.Helper()
	message := fmt.Sprintf("ping %d", number)
	if err := stream.Send(&ping.Request{Msg: message}); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	suffix, echoed := strings.CutPrefix(response.Msg, message)
	if !echoed {
		t.Fatalf("the echo of %q is %q", message, response.Msg)
	}
	return suffix
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	backend := startPing(t, "- pong")
	serve(t, backend.name, public(hostOf(backend.name), path(backend.split(0, nil))))
	stream := pingStream(t, pingClient(t, hostOf(backend.name)))
	for number := range 100 {
		if got := pong(t, stream, number); got != "- pong" {
			t.Fatalf("message %d came back with %q", number, got)
		}
	}
}

func TestGRPCSplit(t *testing.T) {
	t.Parallel()
	blue, green := startPing(t, "- blue"), startPing(t, "- green")
	host := hostOf(blue.name)
	serve(t, blue.name, public(host, path(blue.split(50, nil), green.split(50, nil))))
	client := pingClient(t, host)
	seen := map[string]bool{}
	for range 100 {
		stream := pingStream(t, client)
		suffix := pong(t, stream, 0)
		seen[suffix] = true
		for number := range 10 {
			if got := pong(t, stream, number); got != suffix {
				t.Fatalf("a stream of %q came to %q", suffix, got)
			}
		}
		if len(seen) == 2 {
			return
		}
	}
	t.Errorf("100 streams on one connection saw %v only", seen)
}
