// Command release tells how soon the gateway sends a held request to the first pod of its revision, for Knative
// Services that sleep: after the later of
//
//   - the event of a watch that names the pod's address, and
//   - the first time its queue-proxy says that it is ready; it is asked about every millisecond.
//
// What is said and sent is seen, and timed, by a packet socket of the node.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"
)

const patience = time.Minute // for one request

type settings struct {
	gateway  netip.Addr
	process  int
	services int
	rest     time.Duration
	p50, p95 time.Duration
}

func main() {
	var s settings
	server := flag.String("server", "https://127.0.0.1:6443", "the API server")
	authority := flag.String("ca", "", "the file of its authority")
	token := flag.String("token", "admin", "the token to show it")
	bridge := flag.String("bridge", "cni0", "the bridge of the pods")
	flag.TextVar(&s.gateway, "gateway", netip.Addr{}, "the address of the gateway's pod")
	flag.IntVar(&s.process, "process", 0, "the id of the gateway's process")
	flag.IntVar(&s.services, "services", 30, "how many services there are in the namespace default: release-1, release-2, ...")
	flag.DurationVar(&s.rest, "rest", 3*time.Second, "the time between two requests")
	flag.DurationVar(&s.p50, "p50", 0, "bound: the median")
	flag.DurationVar(&s.p95, "p95", 0, "bound: the 95th percentile")
	flag.Parse()
	b := newBook(s.gateway, s.process)
	err := see(b, *bridge)
	if err == nil {
		err = watch(b, *server, *authority, *token)
	}
	if err == nil {
		err = run(b, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(b *book, s settings) error {
	var delays []time.Duration
	for number := range s.services {
		name := fmt.Sprintf("release-%d", number+1)
		if err := ask(s.gateway, name); err != nil {
			return err
		}
		// All that was said and sent until then is noted after it.
		time.Sleep(s.rest)
		delay, err := b.delay(name)
		if err != nil {
			return err
		}
		delays = append(delays, delay)
	}
	if err := b.close(); err != nil {
		return err
	}
	slices.Sort(delays)
	return within(delays, s)
}

// ask sends the first request to a service, whose path is its name, and waits for the answer.
func ask(gateway netip.Addr, name string) error {
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%v:8080/%s", gateway, name), nil)
	if err != nil {
		return err
	}
	request.Host = name + ".default.example.com"
	client := http.Client{Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", name, response.Status)
	}
	return nil
}

// within compares percentiles of what is sorted with their bounds.
func within(delays []time.Duration, s settings) error {
	median, most := percentile(delays, 50), percentile(delays, 95)
	fmt.Printf("of %d: p50 %v (at most %v), p95 %v (at most %v)\n", len(delays), median, s.p50, most, s.p95)
	if median > s.p50 || most > s.p95 {
		return fmt.Errorf("held requests are sent too late")
	}
	return nil
}

// percentile is that of the nearest rank.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
