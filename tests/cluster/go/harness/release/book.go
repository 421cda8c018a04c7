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
	sent         map[string]sending
	err          error
}

// sending is that of a request, by its path.
type sending struct {
	at time.Time
	to netip.Addr
}

func newBook(gateway netip.Addr) *book {
	return &book{gateway: gateway, named: map[netip.Addr]time.Time{}, ready: map[netip.Addr]time.Time{}, sent: map[string]sending{}}
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
	switch {
	case packet.From.Port() == queueProxy && saysReady(packet.Payload):
		if _, known := b.ready[packet.From.Addr()]; !known {
			b.ready[packet.From.Addr()] = packet.At
		}
	case packet.From.Addr() == b.gateway && packet.To.Port() == queueProxy:
		path, isRequest := requestPath(packet.Payload)
		if _, known := b.sent[path]; isRequest && !known {
			b.sent[path] = sending{packet.At, packet.To.Addr()}
		}
	}
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
	_, known := b.named[address]
	if !known {
		b.named[address] = time.Now()
	}
	return !known
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
	since, what := named, "named"
	if ready.After(named) {
		since, what = ready, "ready"
	}
	delay := sent.at.Sub(since)
	fmt.Printf("%s: %v after its pod was %s; ready %v after it was named\n", service, delay.Round(10*time.Microsecond), what, ready.Sub(named).Round(10*time.Microsecond))
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
