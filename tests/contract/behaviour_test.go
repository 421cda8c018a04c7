package contract

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"knative.dev/networking/pkg/apis/networking"
)

func TestRetry(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, "retry", networking.ServicePortNameH2C)
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, path(backend.split(0, nil))))
	// The image answers 503 to the first request only: it would be 200 if we had tried again.
	wantStatus(t, "http://"+host, http.StatusServiceUnavailable)
	wantStatus(t, "http://"+host, http.StatusOK)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, "timeout", networking.ServicePortNameHTTP1)
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, path(backend.split(0, nil))))
	for name, query := range map[string]string{
		"no delay":            "initialTimeout=0&timeout=0",
		"10 s before headers": "initialTimeout=10000&timeout=0",
		"10 s after headers":  "initialTimeout=0&timeout=10000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantStatus(t, "http://"+host+"?"+query, http.StatusOK)
		})
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	name := uniqueName("update")
	host := hostOf(name)
	current := runtime(t)
	roll := func(backend *Backend) {
		t.Helper()
		version := uniqueName("version")
		serve(t, name, public(host, path(backend.split(0, map[string]string{who: version}))))
		if got := mustReceive(t, "http://"+host).Headers.Get(who); got != version {
			t.Errorf("right after the update the backend received %q, wanted %q", got, version)
		}
	}
	roll(current)
	stop := keepAsking(t, "http://"+host)
	for range 10 {
		roll(current)
	}
	for range 10 {
		next := runtime(t)
		roll(next)
		current.stop()
		current = next
	}
	stop()
}

// keepAsking sends one request after the other, all of which must succeed, until it is stopped.
func keepAsking(t *testing.T, url string) (stop func()) {
	t.Helper()
	var ended atomic.Bool
	failed := make(chan error, 1)
	go func() {
		requests := 0
		for ; !ended.Load(); requests++ {
			if _, err := received(gateway.external, fmt.Sprintf("%s?time=%d", url, time.Now().UnixNano())); err != nil {
				failed <- fmt.Errorf("request %d: %w", requests, err)
				return
			}
		}
		t.Logf("%d requests, all answered 200", requests)
		failed <- nil
	}()
	return func() {
		ended.Store(true)
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
