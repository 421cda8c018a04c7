package packets

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Packet is a TCP segment. Its payload may be cut short.
type Packet struct {
	At       time.Time
	From, To netip.AddrPort
	Closes   bool // FIN or RST
	Payload  []byte
}

// parse reads an IPv4 packet; see RFC 791 §3.1 and RFC 9293 §3.1.
func parse(content []byte) (Packet, bool) {
	if len(content) < 20 {
		return Packet{}, false
	}
	header := int(content[0]&0xf) * 4
	end := min(int(binary.BigEndian.Uint16(content[2:])), len(content))
	if end < header+20 {
		return Packet{}, false
	}
	segment := content[header:end]
	data := int(segment[12]>>4) * 4
	if data > len(segment) {
		return Packet{}, false
	}
	return Packet{
		From:    endpoint(content[12:16], segment),
		To:      endpoint(content[16:20], segment[2:]),
		Closes:  segment[13]&0b101 != 0,
		Payload: segment[data:],
	}, true
}

func endpoint(address, port []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(address)), binary.BigEndian.Uint16(port))
}
