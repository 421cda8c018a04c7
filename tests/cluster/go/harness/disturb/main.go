// Command disturb asks every ready replica of the gateway, over connections it keeps, and changes routes, while
// the cluster is disturbed; then it prints what failed and how soon all was in effect again.
//
// What disturbs the cluster writes to the standard input, and is over when that ends. A line of it is one of
//
//	killed ADDRESS            a replica dies now: from here on its requests do not count
//	took DURATION BOUND WHAT  something measured there, to print with the rest
//
// The KIngresses are those that command scale made.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type settings struct {
	namespace           string
	kingresses, changes int
	every               time.Duration
	maxEffect, maxReady time.Duration
}

func main() {
	var s settings
	server := flag.String("server", "https://127.0.0.1:6443", "the API server")
	authority := flag.String("ca", "", "the file of its authority")
	token := flag.String("token", "admin", "the token to show it")
	flag.StringVar(&s.namespace, "namespace", "", "the namespace of the KIngresses")
	flag.IntVar(&s.kingresses, "kingresses", 20, "how many there are")
	flag.IntVar(&s.changes, "changes", 0, "how many changes to make at least; with 0, only one at the end")
	flag.DurationVar(&s.every, "every", 300*time.Millisecond, "the time between two changes")
	flag.DurationVar(&s.maxEffect, "max-effect", 0, "bound: after the disturbance, until every replica has the last change")
	flag.DurationVar(&s.maxReady, "max-ready", 0, "bound: after the disturbance, until every KIngress is Ready")
	flag.Parse()
	client, err := newAPI(*server, *authority, *token)
	if err == nil {
		err = run(client, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "disturb:", err)
		os.Exit(1)
	}
}

func run(client *api, s settings) error {
	r := &report{}
	routes := &routes{api: client, settings: s, newest: make([]int, s.kingresses)}
	before, err := routes.list()
	if err != nil {
		return err
	}
	load := newLoad(routes)
	go load.follow()
	honesty := &honesty{routes: routes, checked: map[string]int64{}}
	go honesty.watch()
	over := make(chan struct{})
	changed := make(chan int)
	go func() { changed <- routes.changeUntil(over) }()
	if err := disturbance(load, r); err != nil {
		return err
	}
	ended := time.Now()
	close(over)
	if changes := <-changed; changes > 0 {
		r.least("changes of routes", changes, s.changes)
		ended = later(ended, routes.lastChange)
	}
	if err := recovered(routes, ended, r); err != nil {
		return err
	}
	if s.changes == 0 {
		if err := kept(routes, before, r); err != nil {
			return err
		}
	}
	load.end(r)
	honesty.end(r)
	return r.close()
}

// disturbance reads the standard input to its end.
func disturbance(load *load, r *report) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch words := strings.SplitN(lines.Text(), " ", 4); {
		case words[0] == "killed" && len(words) == 2:
			load.killed(words[1])
		case words[0] == "took" && len(words) == 4:
			seen, err := time.ParseDuration(words[1])
			if err != nil {
				return err
			}
			bound, err := time.ParseDuration(words[2])
			if err != nil {
				return err
			}
			r.duration(words[3], seen, bound)
		default:
			return fmt.Errorf("cannot read %q", lines.Text())
		}
	}
	return lines.Err()
}

// recovered makes one more change and waits until all changes are in effect, and all KIngresses Ready.
func recovered(routes *routes, since time.Time, r *report) error {
	if err := routes.change(0); err != nil {
		return err
	}
	if err := routes.untilEffect(2 * time.Minute); err != nil {
		return err
	}
	r.duration("afterwards, every change in effect at every replica", time.Since(since), routes.maxEffect)
	if err := routes.untilReady(2 * time.Minute); err != nil {
		return err
	}
	r.duration("afterwards, every KIngress Ready", time.Since(since), routes.maxReady)
	return nil
}

// kept compares the KIngresses that nobody changed with what they were before.
func kept(routes *routes, before []kingress, r *report) error {
	// Whatever is written late has time to be.
	time.Sleep(5 * time.Second)
	after, err := routes.list()
	if err != nil {
		return err
	}
	written, conditions := 0, 0
	for i := range after {
		old, new := before[i], after[i]
		if old.Metadata.Generation != new.Metadata.Generation {
			continue
		}
		if old.Metadata.ResourceVersion != new.Metadata.ResourceVersion {
			written++
		}
		if string(old.Status.Conditions) != string(new.Status.Conditions) {
			conditions++
			fmt.Printf("%s was %s, is %s\n", new.Metadata.Name, old.Status.Conditions, new.Status.Conditions)
		}
	}
	r.none("KIngresses whose conditions changed", conditions)
	r.none("KIngresses that were written to", written)
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
