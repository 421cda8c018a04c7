package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connections = 4                     // of the load, to each replica
	pause       = 10 * time.Millisecond // of a connection between two requests
	shown       = 10                    // failures that are printed
)

// load is a steady stream of requests to every replica that was ready once.
type load struct {
	*routes
	mutex    sync.Mutex
	replicas map[string]*replica
	failures []string
	older    int
	requests atomic.Int64
	ended    atomic.Bool
	workers  sync.WaitGroup
}

type replica struct {
	address string
	killed  atomic.Bool
}

func newLoad(routes *routes) *load {
	return &load{routes: routes, replicas: map[string]*replica{}}
}

// follow takes up new replicas; one that is no longer ready must still answer those that ask it.
func (l *load) follow() {
	for !l.ended.Load() {
		// Without an API server there are no new ones.
		ready, _ := l.readyReplicas()
		for _, address := range ready {
			l.take(address)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func (l *load) take(address string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.replicas[address] != nil || l.ended.Load() {
		return
	}
	taken := &replica{address: address}
	l.replicas[address] = taken
	for range connections {
		l.workers.Go(func() { l.work(taken) })
	}
}

func (l *load) killed(address string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if one := l.replicas[address]; one != nil {
		one.killed.Store(true)
	}
}

func (l *load) work(r *replica) {
	newest := make([]int, l.kingresses)
	for !l.ended.Load() {
		i := rand.IntN(l.kingresses)
		started := time.Now()
		seen, err := l.ask(r.address, i)
		if r.killed.Load() {
			return
		}
		l.requests.Add(1)
		switch {
		case err != nil:
			l.fail(fmt.Sprintf("%s app-%d at %s after %v: %v", started.Format(time.TimeOnly), i, r.address, time.Since(started), err))
		case seen < newest[i]:
			l.mutex.Lock()
			l.older++
			l.mutex.Unlock()
		default:
			newest[i] = seen
		}
		time.Sleep(pause)
	}
}

func (l *load) fail(what string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.failures = append(l.failures, what)
	if len(l.failures) <= shown {
		fmt.Println("failed:", what)
	}
}

func (l *load) end(r *report) {
	l.ended.Store(true)
	l.workers.Wait()
	r.least("requests", int(l.requests.Load()), 1000)
	r.none("requests that failed", len(l.failures))
	r.none("answers older than the one before", l.older)
}
