package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	"knative.dev/networking/test/types"
)

// parallel requests at a time, as Knative's suite sends them.
const parallel = 8

// get asks for a URL and gives back status and body.
func get(client *http.Client, url string, headers ...string) (int, []byte, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	for at := 0; at+1 < len(headers); at += 2 {
		request.Header.Set(headers[at], headers[at+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// received is what the runtime image says it received.
func received(client *http.Client, url string, headers ...string) (*types.RequestInfo, error) {
	status, body, err := get(client, url, headers...)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %d: %s", url, status, body)
	}
	info := &types.RuntimeInfo{}
	if err := json.Unmarshal(body, info); err != nil {
		return nil, fmt.Errorf("GET %s: %w: %s", url, err, body)
	}
	if info.Request == nil {
		return nil, fmt.Errorf("GET %s: no request in %s", url, body)
	}
	return info.Request, nil
}

// mustReceive is what the runtime image says it received through the external listener.
func mustReceive(t *testing.T, url string, headers ...string) *types.RequestInfo {
	t.Helper()
	request, err := received(gateway.external, url, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// wantStatus asks through the external listener.
func wantStatus(t *testing.T, url string, want int) {
	t.Helper()
	status, body, err := get(gateway.external, url)
	if err != nil {
		t.Fatal(err)
	}
	if status != want {
		t.Errorf("GET %s: status %d, wanted %d: %s", url, status, want, body)
	}
}

// count sends requests and counts the values of a header that their backends received.
func count(t *testing.T, url, header string, requests int) map[string]int {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(parallel)
	var lock sync.Mutex
	seen := map[string]int{}
	for range requests {
		group.Go(func() error {
			request, err := received(gateway.external, url)
			if err != nil {
				return err
			}
			lock.Lock()
			defer lock.Unlock()
			seen[request.Headers.Get(header)]++
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return seen
}
