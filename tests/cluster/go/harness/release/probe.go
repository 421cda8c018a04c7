package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	period   = time.Millisecond
	question = "GET /healthz HTTP/1.1\r\nHost: %v\r\nUser-Agent: Knative-Activator-Probe\r\nK-Network-Probe: queue\r\nConnection: close\r\n\r\n"
)

// probe asks the queue-proxy at the address in every period whether it is ready, as Knative's activator does, until
// it has said so. While the queue-proxy keeps a question it is asked no other: it answers all of them at one moment, with
// work that would delay what is measured (knative.dev/serving pkg/queue/readiness/probe.go, ProbeContainer).
func probe(b *book, address netip.Addr) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	var kept atomic.Int32
	for !b.isReady(address) && ctx.Err() == nil {
		if kept.Load() == 0 {
			go probeOnce(ctx, netip.AddrPortFrom(address, queueProxy), &kept)
		}
		<-ticker.C
	}
}

// probeOnce leaves the answer to the packet socket, and counts the question as kept until then.
func probeOnce(ctx context.Context, address netip.AddrPort, kept *atomic.Int32) {
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
	kept.Add(1)
	defer kept.Add(-1)
	_, _ = io.Copy(io.Discard, connection)
}
