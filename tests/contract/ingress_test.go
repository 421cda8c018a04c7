package contract

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/http/header"
	"knative.dev/networking/pkg/ingress"
)

// class is the ingress class of the gateway.
const class = "pingora.ingress.networking.knative.dev"

// rule sends hosts down these paths.
func rule(visibility v1alpha1.IngressVisibility, hosts []string, paths ...v1alpha1.HTTPIngressPath) v1alpha1.IngressRule {
	return v1alpha1.IngressRule{
		Hosts:      hosts,
		Visibility: visibility,
		HTTP:       &v1alpha1.HTTPIngressRuleValue{Paths: paths},
	}
}

// public is an object with one public host.
func public(host string, paths ...v1alpha1.HTTPIngressPath) v1alpha1.IngressSpec {
	return spec(rule(v1alpha1.IngressVisibilityExternalIP, []string{host}, paths...))
}

func spec(rules ...v1alpha1.IngressRule) v1alpha1.IngressSpec {
	return v1alpha1.IngressSpec{Rules: rules}
}

// path is a path of these splits.
func path(splits ...v1alpha1.IngressBackendSplit) v1alpha1.HTTPIngressPath {
	return v1alpha1.HTTPIngressPath{Splits: splits}
}

// hostOf is a public host of its own for this name.
func hostOf(name string) string {
	return name + ".example.com"
}

// serve writes the object, for as long as the test lasts, and waits until it is in effect.
func serve(t *testing.T, name string, spec v1alpha1.IngressSpec) *v1alpha1.Ingress {
	t.Helper()
	object := newIngress(name, spec)
	apply(t, name+"-ingress.json", object)
	t.Cleanup(func() { _ = gateway.remove(name + "-ingress.json") })
	for _, rule := range spec.Rules {
		for _, host := range rule.Hosts {
			waitForHash(t, host, hashOf(t, object))
		}
	}
	return object
}

func newIngress(name string, spec v1alpha1.IngressSpec) *v1alpha1.Ingress {
	annotations := map[string]string{networking.IngressClassAnnotationKey: class}
	return &v1alpha1.Ingress{
		TypeMeta:   meta.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Ingress"},
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations},
		Spec:       spec,
	}
}

// hashOf is what Knative's own code computes of the object with its defaults.
func hashOf(t *testing.T, object *v1alpha1.Ingress) string {
	t.Helper()
	object = object.DeepCopy()
	object.SetDefaults(context.Background())
	hash, err := ingress.ComputeHash(object)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash[:])
}

// waitForHash probes a host, on the listener that serves all of them, until the answer bears the hash.
func waitForHash(t *testing.T, host, want string) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		status, hash, err := probe(gateway.internal, "http://"+host, header.HashValueOverride)
		if err == nil && status == http.StatusOK && hash == want {
			return
		}
		last = fmt.Sprintf("status %d, hash %q, error %v", status, hash, err)
	}
	t.Fatalf("%s is not in effect after %s: %s, wanted hash %q", host, patience, last, want)
}

// probe asks as Knative's prober does.
func probe(client *http.Client, url, hash string) (status int, answered string, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set(header.ProbeKey, header.ProbeValue)
	request.Header.Set(header.HashKey, hash)
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	return response.StatusCode, response.Header.Get(header.HashKey), nil
}
