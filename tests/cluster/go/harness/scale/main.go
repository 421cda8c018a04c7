// Command scale gives a cluster many KIngresses, each with its own Service and EndpointSlice, and prints how
// long the gateway took: until all were Ready, and from single changes to their effect and to Ready.
// What exceeds a bound is printed and makes it fail.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type settings struct {
	class, namespace, image string
	kingresses, changes     int
	gateways                []string
	idle                    time.Duration
	restart                 bool
	bounds                  bounds
}

// bounds are what is promised; zero promises nothing.
type bounds struct {
	readyAfterCreated                  time.Duration
	effectMedian, effect90, ready90    time.Duration
	restart                            time.Duration
	steadyMemory, peakMemory, idleCore float64
}

func main() {
	var s settings
	client := flags(&s)
	if err := run(client, s); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func flags(s *settings) *api {
	flag.StringVar(&s.class, "class", "", "the ingress class")
	flag.StringVar(&s.namespace, "namespace", "scale", "the namespace to make")
	flag.StringVar(&s.image, "image", "", "Knative's test image runtime")
	flag.IntVar(&s.kingresses, "kingresses", 1000, "how many")
	flag.IntVar(&s.changes, "changes", 200, "how many single changes")
	flag.DurationVar(&s.idle, "idle", 0, "how long to watch the idle gateway")
	flag.BoolVar(&s.restart, "restart", false, "whether to kill all replicas at the end")
	gateways := flag.String("gateways", "", "ADDRESS:PORT of every replica's public listener, with commas")
	server := flag.String("server", "https://127.0.0.1:6443", "the API server")
	authority := flag.String("ca", "", "the file of its authority")
	token := flag.String("token", "admin", "the token to show it")
	b := &s.bounds
	flag.DurationVar(&b.readyAfterCreated, "max-ready", 0, "bound: the last is Ready this long after the last was created")
	flag.DurationVar(&b.effectMedian, "max-effect-p50", 0, "bound")
	flag.DurationVar(&b.effect90, "max-effect-p90", 0, "bound")
	flag.DurationVar(&b.ready90, "max-ready-p90", 0, "bound: from a change to Ready")
	flag.DurationVar(&b.restart, "max-restart", 0, "bound: from the kill of the replicas to right answers of all")
	flag.Float64Var(&b.steadyMemory, "max-memory", 0, "bound: resident memory of a replica at the end, in MB")
	flag.Float64Var(&b.peakMemory, "max-peak", 0, "bound: resident memory of a replica at its peak, in MB")
	flag.Float64Var(&b.idleCore, "max-idle-core", 0, "bound: per cent of a core that an idle replica takes")
	flag.Parse()
	s.gateways = strings.Split(*gateways, ",")
	client, err := newAPI(*server, *authority, *token)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(2)
	}
	return client
}

func run(client *api, s settings) error {
	r := &report{}
	if err := createAll(client, s, r); err != nil {
		return err
	}
	if err := changeSome(client, s, r); err != nil {
		return err
	}
	if err := watchIdle(s, r); err != nil {
		return err
	}
	if err := memory(s, r); err != nil {
		return err
	}
	if err := restartAll(s, r); err != nil {
		return err
	}
	return r.close()
}
