package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

const workers = 16

func createAll(client *api, s settings, r *report) error {
	address, err := startBackend(client, s)
	if err != nil {
		return err
	}
	err = each(s.kingresses, func(i int) error {
		return errors.Join(
			client.post(core(s.namespace)+"/services", service(i)),
			client.post(endpointSlices(s.namespace), endpointSlice(i, address)))
	})
	if err != nil {
		return err
	}
	if err := watchReady(client, s); err != nil {
		return err
	}
	start := time.Now()
	if err := each(s.kingresses, func(i int) error { return client.post(ingresses(s.namespace), kingress(s, i, 0)) }); err != nil {
		return err
	}
	created := time.Since(start)
	r.duration(fmt.Sprintf("%d KIngresses created in", s.kingresses), created, 0)
	last, err := readiness.all(s.kingresses, 10*time.Minute)
	if err != nil {
		return err
	}
	r.duration("all Ready, after the first create", last.Sub(start), 0)
	r.duration("all Ready, after the last create", max(0, last.Sub(start)-created), s.bounds.readyAfterCreated)
	return nil
}

// startBackend makes the namespace and the one pod in it, and returns the pod's address once it is ready.
func startBackend(client *api, s settings) (string, error) {
	if err := client.post("/api/v1/namespaces", object{"metadata": object{"name": s.namespace}}); err != nil {
		return "", err
	}
	// Pods are refused until the namespace has its service account.
	if err := retry(30*time.Second, func() error { return client.post(core(s.namespace)+"/pods", backendPod(s.image)) }); err != nil {
		return "", err
	}
	var pod struct {
		Status struct {
			PodIP      string
			Conditions []struct{ Type, Status string }
		}
	}
	err := retry(time.Minute, func() error {
		if err := client.get(core(s.namespace)+"/pods/backend", &pod); err != nil {
			return err
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				return nil
			}
		}
		return errors.New("the backend is not ready")
	})
	return pod.Status.PodIP, err
}

// each calls step with 0 to n-1, some at a time, and returns the first error.
func each(n int, step func(int) error) error {
	next := make(chan int)
	failed := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				if err := step(i); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
	close(failed)
	return <-failed
}

func retry(limit time.Duration, step func() error) error {
	end := time.Now().Add(limit)
	for {
		err := step()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}
