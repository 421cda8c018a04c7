package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// honesty watches the KIngresses, and asks every ready replica when one becomes Ready.
type honesty struct {
	*routes
	mutex                             sync.Mutex
	checked                           map[string]int64
	checks, unanswered, early, broken int
	running                           sync.WaitGroup
}

// watch goes on for ever; a watch that ends is followed by a list and another one.
func (h *honesty) watch() {
	for {
		// Without an API server nothing changes.
		_ = h.watchOnce()
		time.Sleep(100 * time.Millisecond)
	}
}

func (h *honesty) watchOnce() error {
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []kingress
	}
	if err := h.get(h.path(), &list); err != nil {
		return err
	}
	for i := range list.Items {
		h.saw(&list.Items[i])
	}
	body, err := h.open(http.MethodGet, h.path()+"?watch=1&resourceVersion="+list.Metadata.ResourceVersion, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return h.events(body)
}

func (h *honesty) events(body io.Reader) error {
	events := json.NewDecoder(body)
	for {
		var event struct {
			Type   string
			Object kingress
		}
		if err := events.Decode(&event); err != nil {
			return err
		}
		if event.Type != "ADDED" && event.Type != "MODIFIED" {
			return fmt.Errorf("the watch says %s", event.Type)
		}
		h.saw(&event.Object)
	}
}

// saw judges a state of a KIngress. All their routes are good all the time, so none may be said to be broken.
func (h *honesty) saw(k *kingress) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if k.ready() == "False" {
		h.broken++
		fmt.Printf("%s: %s\n", k.Metadata.Name, k.Status.Conditions)
	}
	if !k.isReady() || h.checked[k.Metadata.Name] >= k.Metadata.Generation {
		return
	}
	h.checked[k.Metadata.Name] = k.Metadata.Generation
	h.checks++
	h.running.Go(func() { h.check(k) })
}

// check asks for what is Ready. A replica that gives no answer, as one just killed, gives no old one either.
func (h *honesty) check(k *kingress) {
	wanted, err := version(k.Spec)
	if err != nil {
		fmt.Println("the spec of", k.Metadata.Name, err)
		return
	}
	var i int
	fmt.Sscanf(k.Metadata.Name, "app-%d", &i)
	replicas, _ := h.readyReplicas()
	for _, replica := range replicas {
		seen, err := h.ask(replica, i)
		h.mutex.Lock()
		switch {
		case err != nil:
			h.unanswered++
		case seen < wanted:
			h.early++
			fmt.Printf("%s %s is Ready with version %d; %s shows %d\n", time.Now().Format(time.TimeOnly), k.Metadata.Name, wanted, replica, seen)
		}
		h.mutex.Unlock()
	}
}

func (h *honesty) end(r *report) {
	h.running.Wait()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	r.least("Ready seen, and every ready replica asked", h.checks, h.kingresses)
	fmt.Printf("of these, replicas that gave no answer: %d\n", h.unanswered)
	r.none("replicas that showed an old version after Ready", h.early)
	r.none("times a KIngress was said to be broken", h.broken)
}
