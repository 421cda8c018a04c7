package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// readiness is what a watch saw: for every KIngress the newest generation that was Ready, and when that was.
var readiness = &board{seen: map[string]ready{}, changed: make(chan struct{})}

type ready struct {
	generation int64
	at         time.Time
}

type board struct {
	mutex   sync.Mutex
	seen    map[string]ready
	changed chan struct{}
}

type ingress struct {
	Metadata struct {
		Name, ResourceVersion string
		Generation            int64
	}
	Status struct {
		ObservedGeneration int64
		Conditions         []struct{ Type, Status string }
	}
}

func (i *ingress) isReady() bool {
	if i.Status.ObservedGeneration != i.Metadata.Generation {
		return false
	}
	for _, condition := range i.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

// watchReady fills readiness from now on. The API server may end a watch at any time; it is resumed.
func watchReady(client *api, s settings) error {
	var list struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := client.get(ingresses(s.namespace)+"?limit=1", &list); err != nil {
		return err
	}
	go func() {
		version := list.Metadata.ResourceVersion
		for {
			var err error
			if version, err = watchOnce(client, s, version); err != nil {
				fmt.Println("the watch of the KIngresses:", err)
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	return nil
}

// watchOnce watches from a version until the watch ends, and returns the last version it saw.
func watchOnce(client *api, s settings, version string) (string, error) {
	response, err := client.send(http.MethodGet, ingresses(s.namespace)+"?watch=1&resourceVersion="+version, nil)
	if err != nil {
		return version, err
	}
	defer response.Body.Close()
	events := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string
			Object ingress
		}
		if err := events.Decode(&event); err != nil {
			if errors.Is(err, io.EOF) {
				return version, nil
			}
			return version, err
		}
		if event.Type == "ERROR" {
			return version, errors.New("the API server has no events since " + version)
		}
		version = event.Object.Metadata.ResourceVersion
		if event.Object.isReady() {
			readiness.add(&event.Object)
		}
	}
}

func (b *board) add(i *ingress) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.seen[i.Metadata.Name].generation < i.Metadata.Generation {
		b.seen[i.Metadata.Name] = ready{i.Metadata.Generation, time.Now()}
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// all waits for n KIngresses, and returns when the last became Ready.
func (b *board) all(n int, limit time.Duration) (time.Time, error) {
	var last time.Time
	err := b.wait(limit, func() bool { return len(b.seen) >= n })
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, one := range b.seen {
		if one.at.After(last) {
			last = one.at
		}
	}
	if err != nil {
		return last, fmt.Errorf("%d of %d KIngresses are Ready: %w", len(b.seen), n, err)
	}
	return last, nil
}

// of waits for a generation of one KIngress, and returns when it became Ready.
func (b *board) of(name string, generation int64, limit time.Duration) (time.Time, error) {
	err := b.wait(limit, func() bool { return b.seen[name].generation >= generation })
	if err != nil {
		return time.Time{}, fmt.Errorf("KIngress %s is not Ready: %w", name, err)
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.seen[name].at, nil
}

func (b *board) wait(limit time.Duration, done func() bool) error {
	end := time.After(limit)
	for {
		b.mutex.Lock()
		finished, changed := done(), b.changed
		b.mutex.Unlock()
		if finished {
			return nil
		}
		select {
		case <-changed:
		case <-end:
			return fmt.Errorf("gave up after %v", limit)
		}
	}
}
