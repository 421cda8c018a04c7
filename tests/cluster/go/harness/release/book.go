package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/net-pingora/net-pingora/tests/cluster/go/harness/packets"
)

const queueProxy = 8012

// book holds when each thing happened first.
type book struct {
	gateway      netip.Addr
	capture      *packets.Capture
	mutex        sync.Mutex
	named, ready map[netip.Addr]time.Time
	// When the gateway asked whether the pod is ready, and was told so.
	asked, told map[netip.Addr]time.Time
	sent        map[string]sending
	// How long the gateway had waited for a processor when a pod was named.
	process int
	starved map[netip.Addr]time.Duration
	err     error
}

// sending is that of a request, by its path.
type sending struct {
	at time.Time
	to netip.Addr
	// How long the gateway had waited for a processor by then.
	starved time.Duration
}

func newBook(gateway netip.Addr, process int) *book {
	times := func() map[netip.Addr]time.Time { return map[netip.Addr]time.Time{} }
	return &book{gateway: gateway, process: process, starved: map[netip.Addr]time.Duration{}, named: times(), ready: times(), asked: times(), told: times(), sent: map[string]sending{}}
}

// see notes from now on what the packets of queue-proxies say.
func see(b *book, bridge string) error {
	var err error
	if b.capture, err = packets.Open(bridge, queueProxy); err != nil {
		return err
	}
	go func() {
		for {
			packet, err := b.capture.Next()
			if err != nil {
				b.fail(err)
				return
			}
			b.saw(packet)
		}
	}()
	return nil
}

func (b *book) saw(packet packets.Packet) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	from, to := packet.From.Addr(), packet.To.Addr()
	switch {
	case packet.From.Port() == queueProxy && saysReady(packet.Payload):
		first(b.ready, from, packet.At)
		if to == b.gateway {
			first(b.told, from, packet.At)
		}
	case from == b.gateway && packet.To.Port() == queueProxy:
		switch path, isRequest := requestPath(packet.Payload); {
		case !isRequest:
		case path == "healthz":
			first(b.asked, to, packet.At)
		default:
			first(b.sent, path, sending{packet.At, to, starved(b.process)})
		}
	}
}

// first notes what happened unless it did before, and whether it is the first time.
func first[K comparable, V any](times map[K]V, key K, value V) bool {
	_, known := times[key]
	if !known {
		times[key] = value
	}
	return !known
}

// saysReady tells the answer of a queue-proxy to its probe, whoever asked: it fits one packet.
func saysReady(payload []byte) bool {
	return bytes.HasPrefix(payload, []byte("HTTP/1.1 200 ")) && bytes.HasSuffix(payload, []byte("\r\n\r\nqueue"))
}

func requestPath(payload []byte) (string, bool) {
	line, isGet := bytes.CutPrefix(payload, []byte("GET /"))
	path, _, isWhole := bytes.Cut(line, []byte(" "))
	return string(path), isGet && isWhole
}

// name notes that a watch names the address, and whether it is the first time.
func (b *book) name(address netip.Addr) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	isFirst := first(b.named, address, time.Now())
	if isFirst {
		b.starved[address] = starved(b.process)
	}
	return isFirst
}

func (b *book) isReady(address netip.Addr) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	_, ready := b.ready[address]
	return ready
}

// delay is that of the request to a service, once it is answered.
func (b *book) delay(service string) (time.Duration, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	sent, isSent := b.sent[service]
	named, isNamed := b.named[sent.to]
	ready, isReady := b.ready[sent.to]
	if !isSent || !isNamed || !isReady {
		return 0, fmt.Errorf("%s: answered, but seen were sent %v, named %v, ready %v", service, isSent, isNamed, isReady)
	}
	since := named
	if ready.After(named) {
		since = ready
	}
	after := func(at time.Time) string {
		if at.IsZero() {
			return "never"
		}
		return fmt.Sprintf("%.1f", at.Sub(named).Seconds()*1000)
	}
	delay := sent.at.Sub(since)
	fmt.Printf("%s: %.1f ms; ms after its pod was named: ready %s, asked by the gateway %s, who was told %s and sent %s; meanwhile it waited %.1f ms for a processor\n", service,
		delay.Seconds()*1000, after(ready), after(b.asked[sent.to]), after(b.told[sent.to]), after(sent.at),
		(sent.starved-b.starved[sent.to]).Seconds()*1000)
	return delay, nil
}

func (b *book) fail(err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.err == nil {
		b.err = err
	}
}

// close fails if a packet was missed.
func (b *book) close() error {
	dropped, err := b.capture.Dropped()
	if err == nil && dropped > 0 {
		err = fmt.Errorf("%d packets were not seen", dropped)
	}
	return err
}
