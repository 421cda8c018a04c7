package contract

import (
	"fmt"
	"net/http"
	"testing"

	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/http/header"
)

func TestProbeHeaders(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	host := hostOf(backend.name)
	object := serve(t, backend.name, public(host, path(backend.split(0, nil))))
	const foreign = "2701a1b241db6af811992c57a5e11171847148ac3d2e1a8cc992a62f9e4fa111"
	for sent, want := range map[string]string{header.HashValueOverride: hashOf(t, object), foreign: foreign} {
		status, got, err := probe(gateway.external, "http://"+host, sent)
		if err != nil {
			t.Fatal(err)
		}
		if status != http.StatusOK || got != want {
			t.Errorf("a probe with %q: status %d and hash %q, wanted 200 and %q", sent, status, got, want)
		}
	}
}

func TestTagHeaders(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	tagged, untagged := path(backend.split(0, nil)), path(backend.split(0, nil))
	tagged.Headers = map[string]v1alpha1.HeaderMatch{header.RouteTagKey: {Exact: "the-tag"}}
	tagged.AppendHeaders = map[string]string{who: "tag"}
	untagged.AppendHeaders = map[string]string{who: "no-tag"}
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, tagged, untagged))
	for _, test := range []struct {
		headers []string
		want    string
	}{
		{[]string{header.RouteTagKey, "the-tag"}, "tag"},
		{nil, "no-tag"},
		{[]string{header.RouteTagKey, ""}, "no-tag"},
		{[]string{header.RouteTagKey, "not-the-tag"}, "no-tag"},
	} {
		if got := mustReceive(t, "http://"+host, test.headers...).Headers.Get(who); got != test.want {
			t.Errorf("with %q it went to %q, wanted %q", test.headers, got, test.want)
		}
	}
}

func TestPreSplitSetHeaders(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	path := path(backend.split(0, nil))
	path.AppendHeaders = map[string]string{who: backend.name}
	host := hostOf(backend.name)
	serve(t, backend.name, public(host, path))
	for _, sent := range [][]string{nil, {who, "bogus"}} {
		got := mustReceive(t, "http://"+host, sent...).Headers.Values(who)
		if len(got) != 1 || got[0] != backend.name {
			t.Errorf("with %q the backend received %q, wanted %q alone", sent, got, backend.name)
		}
	}
}

func TestPostSplitSetHeaders(t *testing.T) {
	t.Parallel()
	const splits, requests = 4, 100
	var backends []v1alpha1.IngressBackendSplit
	for at := range splits {
		backends = append(backends, runtime(t).split(100/splits, map[string]string{who: fmt.Sprint(at)}))
	}
	name := uniqueName("post-split")
	serve(t, name, public(hostOf(name), path(backends...)))
	for _, sent := range [][]string{nil, {who, "bogus"}} {
		seen := map[string]bool{}
		for range requests {
			for _, value := range mustReceive(t, "http://"+hostOf(name), sent...).Headers.Values(who) {
				seen[value] = true
			}
		}
		if len(seen) != splits || seen["bogus"] {
			t.Errorf("with %q the backends received %v, wanted each of %d values", sent, seen, splits)
		}
	}
}
