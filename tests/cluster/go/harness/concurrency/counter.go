package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"github.com/net-pingora/net-pingora/tests/cluster/go/harness/packets"
)

const queueProxy = 8012

// counter follows the requests of all replicas of the gateway to pods.
type counter struct {
	gateways map[netip.Addr]bool
	mutex    sync.Mutex
	pods     map[netip.Addr]*pod
	err      error
}

type pod struct {
	// Connections, by the gateway's end of them, whose request has no answer yet.
	open map[netip.AddrPort]bool
	// Requests in all, the most at once, and those whose connection ended first.
	requests, most, broken int
}

func (c *counter) follow(capture *packets.Capture) {
	for {
		packet, err := capture.Next()
		c.mutex.Lock()
		if c.err = err; err == nil {
			c.saw(packet)
		}
		c.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *counter) saw(packet packets.Packet) {
	switch {
	case c.gateways[packet.From.Addr()] && c.gateways[packet.To.Addr()]:
		// A replica that passes a request on to another asks no pod.
	case c.gateways[packet.From.Addr()] && packet.To.Port() == queueProxy:
		if isRequest(packet.Payload) {
			c.pod(packet.To.Addr()).begin(packet.From)
		}
		if packet.Closes {
			c.pod(packet.To.Addr()).cut(packet.From)
		}
	case c.gateways[packet.To.Addr()] && packet.From.Port() == queueProxy:
		if bytes.HasPrefix(packet.Payload, []byte("HTTP/1.1 ")) {
			delete(c.pod(packet.From.Addr()).open, packet.To)
		}
		if packet.Closes {
			c.pod(packet.From.Addr()).cut(packet.To)
		}
	}
}

// isRequest leaves out the probes of queue-proxies.
func isRequest(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte("GET /")) && !bytes.HasPrefix(payload, []byte("GET /healthz"))
}

func (c *counter) pod(address netip.Addr) *pod {
	if c.pods[address] == nil {
		c.pods[address] = &pod{open: map[netip.AddrPort]bool{}}
	}
	return c.pods[address]
}

// begin counts a request that is sent twice, as TCP may, once.
func (p *pod) begin(connection netip.AddrPort) {
	if p.open[connection] {
		return
	}
	p.open[connection] = true
	p.requests++
	p.most = max(p.most, len(p.open))
}

func (p *pod) cut(connection netip.AddrPort) {
	if p.open[connection] {
		p.broken++
		delete(p.open, connection)
	}
}

// within prints what each pod had and compares it with its bounds.
func (c *counter) within(pods, most int) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.err != nil {
		return c.err
	}
	asked, over := 0, 0
	for address, pod := range c.pods {
		if pod.requests == 0 {
			continue
		}
		fmt.Fprintf(os.Stderr, "%v: %d requests, at most %d at once, %d without an answer\n", address, pod.requests, pod.most, pod.broken)
		asked++
		if pod.most > most {
			over++
		}
	}
	if asked != pods {
		return fmt.Errorf("%d pods were asked, not %d", asked, pods)
	}
	if over > 0 {
		return fmt.Errorf("%d pods had more than %d requests at once", over, most)
	}
	return nil
}
