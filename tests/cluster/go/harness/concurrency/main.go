// Command concurrency runs a command that asks the gateway, and tells how many requests each pod of a revision has
// from the gateway at once meanwhile: a packet socket of the node sees them, from the first byte of a request to the
// first of its answer.
//
//	concurrency -gateways ADDRESS,... -pods N -most N COMMAND...
//
// It writes to the standard error; the standard output is the command's.
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/net-pingora/net-pingora/tests/cluster/go/harness/packets"
)

func main() {
	bridge := flag.String("bridge", "cni0", "the bridge of the pods")
	gateways := flag.String("gateways", "", "the addresses of the gateway's pods")
	pods := flag.Int("pods", 0, "bound: how many pods are asked")
	most := flag.Int("most", 1, "bound: how many requests a pod has at once")
	flag.Parse()
	if err := run(*bridge, *gateways, *pods, *most, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "concurrency:", err)
		os.Exit(1)
	}
}

func run(bridge, gateways string, pods, most int, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("which command?")
	}
	c := &counter{gateways: map[netip.Addr]bool{}, pods: map[netip.Addr]*pod{}}
	for address := range strings.SplitSeq(gateways, ",") {
		gateway, err := netip.ParseAddr(address)
		if err != nil {
			return err
		}
		c.gateways[gateway] = true
	}
	capture, err := packets.Open(bridge, queueProxy)
	if err != nil {
		return err
	}
	go c.follow(capture)
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	dropped, err := capture.Dropped()
	if err != nil {
		return err
	}
	if dropped > 0 {
		return fmt.Errorf("%d packets were not seen", dropped)
	}
	return c.within(pods, most)
}
