package contract

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"

	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// who is the header that tells which split a request took.
const who = "Which-Backend"

func TestBasics(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, path(backend.split(0, nil))))
	mustReceive(t, "http://"+host)
}

func TestBasicsHTTP2(t *testing.T) {
	t.Parallel()
	backend := startBackend(t, "runtime", networking.ServicePortNameH2C)
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, path(backend.split(0, nil))))
	if got := mustReceive(t, "http://"+host).ProtoMajor; got != 2 {
		t.Errorf("the backend received HTTP/%d, wanted HTTP/2", got)
	}
}

func TestMultipleHosts(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	hosts := []string{"foo.com", "www.foo.com", "a-b-1.something-really-really-long.knative.dev", "add.your.interesting.domain.here.io"}
	for at := range hosts {
		hosts[at] = backend.name + "." + hosts[at]
	}
	rule := rule(v1alpha1.IngressVisibilityExternalIP, hosts, path(backend.split(0, nil)))
	serve(t, backend.name, spec(rule))
	for _, host := range hosts {
		mustReceive(t, "http://"+host)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	host := hostOf(uniqueName("path"))
	paths, want := fourPaths(t)
	serve(t, uniqueName("path"), public(host, paths...))
	for path, backend := range want {
		if got := mustReceive(t, "http://"+host+path).Headers.Get(who); got != backend {
			t.Errorf("%q went to %q, wanted %q", path, got, backend)
		}
	}
}

// fourPaths is Knative's example: /foo, /bar, /baz and all others, with where requests must go.
func fourPaths(t *testing.T) (paths []v1alpha1.HTTPIngressPath, want map[string]string) {
	t.Helper()
	want = map[string]string{}
	for _, prefix := range []string{"/foo", "/bar", "/baz", ""} {
		backend := runtime(t)
		path := path(backend.split(100, map[string]string{who: backend.name}))
		path.Path = prefix
		paths = append(paths, path)
		want[prefix] = backend.name
	}
	want["/asdf"] = want[""]
	return paths, want
}

func TestPercentage(t *testing.T) {
	t.Parallel()
	host := hostOf(uniqueName("percentage"))
	splits, want := tenSplits(t)
	serve(t, uniqueName("percentage"), public(host, path(splits...)))
	checkShares(t, count(t, "http://"+host, who, 1000), want)
}

// tenSplits is Knative's example, with the shares wanted in percent.
func tenSplits(t *testing.T) (splits []v1alpha1.IngressBackendSplit, want map[string]int) {
	t.Helper()
	want = map[string]int{}
	for _, percent := range []int{1, 2, 4, 8, 16, 32, 37, 0, 0, 0} {
		backend := runtime(t)
		splits = append(splits, backend.split(percent, map[string]string{who: backend.name}))
		want[backend.name] = percent
	}
	return splits, want
}

// checkShares allows what Knative allows: ten points, and nothing at all where nothing is wanted.
func checkShares(t *testing.T, seen, want map[string]int) {
	t.Helper()
	requests := 0
	for _, count := range seen {
		requests += count
	}
	for name, percent := range want {
		share := 100 * float64(seen[name]) / float64(requests)
		if percent == 0 && share > 0 || math.Abs(share-float64(percent)) > 10 {
			t.Errorf("%s received %.1f %%, wanted %d %%", name, share, percent)
		}
	}
}

func TestPathAndPercentageSplit(t *testing.T) {
	t.Parallel()
	first, second, other := runtime(t), runtime(t), runtime(t)
	named := func(backend *Backend, percent int) v1alpha1.IngressBackendSplit {
		return backend.split(percent, map[string]string{who: backend.name})
	}
	foo := path(named(first, 50), named(second, 50))
	foo.Path = "/foo"
	host := hostOf(other.name)
	serve(t, other.name, public(host, foo, path(named(other, 100))))
	seen := count(t, "http://"+host+"/foo", who, 1000)
	for _, backend := range []*Backend{first, second} {
		if got := seen[backend.name]; got < 350 || got > 650 {
			t.Errorf("%s received %d of 1000 requests, wanted 500 ± 150", backend.name, got)
		}
	}
	if len(seen) != 2 {
		t.Errorf("requests for /foo went to %v", slices.Collect(maps.Keys(seen)))
	}
}

func TestRule(t *testing.T) {
	t.Parallel()
	rules := map[string]v1alpha1.IngressRule{}
	for range 2 {
		backend := runtime(t)
		path := path(backend.split(0, nil))
		path.AppendHeaders = map[string]string{who: backend.name}
		rules[backend.name] = rule(v1alpha1.IngressVisibilityExternalIP, []string{hostOf(backend.name)}, path)
	}
	serve(t, uniqueName("rule"), spec(slices.Collect(maps.Values(rules))...))
	for name := range rules {
		if got := mustReceive(t, "http://"+hostOf(name)).Headers.Get(who); got != name {
			t.Errorf("%s went to %q", hostOf(name), got)
		}
	}
}

// A directory has no API to compare objects in: what is left of Knative's test is that such objects have no effect.
func TestIngressClass(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	var hosts []string
	for _, annotations := range []map[string]string{nil, {networking.IngressClassAnnotationKey: ""}, {networking.IngressClassAnnotationKey: "incorrect"}} {
		name := uniqueName("class")
		object := newIngress(name, public(hostOf(name), path(backend.split(0, nil))))
		object.Annotations = annotations
		apply(t, name+"-ingress.json", object)
		hosts = append(hosts, hostOf(name))
	}
	// In effect after the others were read.
	serve(t, backend.name, public(hostOf(backend.name), path(backend.split(0, nil))))
	for _, host := range hosts {
		wantStatus(t, "http://"+host, http.StatusNotFound)
	}
}
