package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	period   = time.Millisecond
	question = "GET /healthz HTTP/1.1\r\nHost: %v\r\nUser-Agent: Knative-Activator-Probe\r\nK-Network-Probe: queue\r\nConnection: close\r\n\r\n"
)

// probe asks the queue-proxy at the address in every period whether it is ready, as Knative's activator does, until
// it has said so. A question does not wait for the one before: the queue-proxy keeps it until its application is ready.
func probe(b *book, address netip.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for !b.isReady(address) && ctx.Err() == nil {
		go probeOnce(ctx, netip.AddrPortFrom(address, queueProxy))
		<-ticker.C
	}
}

// probeOnce leaves the answer to the packet socket.
func probeOnce(ctx context.Context, address netip.AddrPort) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return
	}
	defer connection.Close()
	// Ended by the end of all probes as well: the answer is known then.
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	if _, err := fmt.Fprintf(connection, question, address); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, connection)
}
