// Package packets sees the TCP packets of one port that cross a bridge, as the kernel times them.
package packets

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Of <linux/if_packet.h>, which package syscall lacks, as the level of a packet socket's options.
const (
	levelPacket   = 263
	addMembership = 1
	statistics    = 6
	promiscuous   = 1
)

const (
	buffer   = 64 << 20 // bytes of packets that wait to be read
	snapshot = 2048     // bytes of each that are kept
)

// Capture is a packet socket on a bridge.
type Capture struct {
	socket           int
	content, control []byte
}

// Open sees what is sent from or to the TCP port over IPv4, each packet once: a bridge that is promiscuous is given
// what it forwards, whichever links that comes from and goes to.
func Open(bridge string, port uint16) (*Capture, error) {
	device, err := net.InterfaceByName(bridge)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bridge, err)
	}
	// Of no protocol, so that no packet comes before there is a filter.
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := prepare(socket, device.Index, port); err != nil {
		syscall.Close(socket)
		return nil, err
	}
	return &Capture{socket, make([]byte, snapshot), make([]byte, 128)}, nil
}

func prepare(socket, device int, port uint16) error {
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, buffer); err != nil {
		return os.NewSyscallError("SO_RCVBUFFORCE", err)
	}
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1); err != nil {
		return os.NewSyscallError("SO_TIMESTAMPNS", err)
	}
	if err := syscall.AttachLsf(socket, filter(port)); err != nil {
		return os.NewSyscallError("SO_ATTACH_FILTER", err)
	}
	// struct packet_mreq
	membership := binary.NativeEndian.AppendUint32(nil, uint32(device))
	membership = binary.NativeEndian.AppendUint16(membership, promiscuous)
	membership = append(membership, make([]byte, 10)...)
	if err := syscall.SetsockoptString(socket, levelPacket, addMembership, string(membership)); err != nil {
		return os.NewSyscallError("PACKET_ADD_MEMBERSHIP", err)
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, syscall.ETH_P_IP))
	address := &syscall.SockaddrLinklayer{Protocol: protocol, Ifindex: device}
	return os.NewSyscallError("bind", syscall.Bind(socket, address))
}

// filter is that of "tcp port PORT" on packets that begin with their IPv4 header.
func filter(port uint16) []syscall.SockFilter {
	const load, byAddress, byIndex = syscall.BPF_LD, syscall.BPF_ABS, syscall.BPF_IND
	const equal, anyBit = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, syscall.BPF_JMP | syscall.BPF_JSET | syscall.BPF_K
	return []syscall.SockFilter{
		*syscall.LsfStmt(load|syscall.BPF_B|byAddress, 9),
		*syscall.LsfJump(equal, syscall.IPPROTO_TCP, 0, 8),
		*syscall.LsfStmt(load|syscall.BPF_H|byAddress, 6),
		*syscall.LsfJump(anyBit, 0x1fff, 6, 0), // not the first fragment
		*syscall.LsfStmt(syscall.BPF_LDX|syscall.BPF_B|syscall.BPF_MSH, 0),
		*syscall.LsfStmt(load|syscall.BPF_H|byIndex, 0),
		*syscall.LsfJump(equal, int(port), 2, 0),
		*syscall.LsfStmt(load|syscall.BPF_H|byIndex, 2),
		*syscall.LsfJump(equal, int(port), 0, 1),
		*syscall.LsfStmt(syscall.BPF_RET|syscall.BPF_K, snapshot),
		*syscall.LsfStmt(syscall.BPF_RET|syscall.BPF_K, 0),
	}
}

// Next waits for a packet. Its payload is good until the next call.
func (c *Capture) Next() (Packet, error) {
	for {
		size, controls, _, _, err := syscall.Recvmsg(c.socket, c.content, c.control, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return Packet{}, os.NewSyscallError("recvmsg", err)
		}
		at, err := timestamp(c.control[:controls])
		if err != nil {
			return Packet{}, err
		}
		if packet, ok := parse(c.content[:size]); ok {
			packet.At = at
			return packet, nil
		}
	}
}

func timestamp(control []byte) (time.Time, error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, os.NewSyscallError("control message", err)
	}
	for _, message := range messages {
		if message.Header.Level == syscall.SOL_SOCKET && message.Header.Type == syscall.SCM_TIMESTAMPNS && len(message.Data) == 16 {
			seconds, nanoseconds := binary.NativeEndian.Uint64(message.Data), binary.NativeEndian.Uint64(message.Data[8:])
			return time.Unix(int64(seconds), int64(nanoseconds)), nil
		}
	}
	return time.Time{}, fmt.Errorf("a packet without a timestamp")
}

// Dropped is how many packets found no room in the buffer since it was asked last.
func (c *Capture) Dropped() (int, error) {
	// struct tpacket_stats is eight bytes as well: all packets, and those dropped.
	counts, err := syscall.GetsockoptIPMreq(c.socket, levelPacket, statistics)
	if err != nil {
		return 0, os.NewSyscallError("PACKET_STATISTICS", err)
	}
	return int(binary.NativeEndian.Uint32(counts.Interface[:])), nil
}
