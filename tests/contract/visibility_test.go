package contract

import (
	"net/http"
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// private is an object with hosts for the cluster only.
func private(hosts []string, paths ...v1alpha1.HTTPIngressPath) v1alpha1.IngressSpec {
	return spec(rule(v1alpha1.IngressVisibilityClusterLocal, hosts, paths...))
}

// privateHost is the name of a Service in the cluster's DNS.
func privateHost(name string) string {
	return name + "." + namespace + ".svc.cluster.local"
}

// throughProxy serves a public host whose backend, Knative's httpproxy image, asks for a private one
// at the internal listener.
func throughProxy(t *testing.T, privateHost string) (publicHost string) {
	t.Helper()
	proxy := startBackend(t, "httpproxy", networking.ServicePortNameHTTP1,
		"TARGET_HOST="+privateHost, "GATEWAY_HOST="+gateway.addresses["internal-http"])
	serve(t, proxy.name, public(hostOf(proxy.name), path(proxy.split(0, nil))))
	return hostOf(proxy.name)
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	hosts := []string{privateHost(backend.name), backend.name + "." + namespace + ".svc", backend.name + "." + namespace}
	serve(t, backend.name, private(hosts, path(backend.split(0, nil))))
	for _, host := range hosts {
		wantStatus(t, "http://"+host, http.StatusNotFound)
		mustReceive(t, "http://"+throughProxy(t, host))
	}
}

func TestVisibilitySplit(t *testing.T) {
	t.Parallel()
	splits, want := tenSplits(t)
	name := uniqueName("visibility-split")
	serve(t, name, private([]string{privateHost(name)}, path(splits...)))
	wantStatus(t, "http://"+privateHost(name), http.StatusNotFound)
	checkShares(t, count(t, "http://"+throughProxy(t, privateHost(name)), who, 1000), want)
}

func TestVisibilityPath(t *testing.T) {
	t.Parallel()
	paths, want := fourPaths(t)
	name := uniqueName("visibility-path")
	serve(t, name, private([]string{privateHost(name)}, paths...))
	public := throughProxy(t, privateHost(name))
	for path, backend := range want {
		wantStatus(t, "http://"+privateHost(name)+path, http.StatusNotFound)
		if got := mustReceive(t, "http://"+public+path).Headers.Get(who); got != backend {
			t.Errorf("%q went to %q, wanted %q", path, got, backend)
		}
	}
}

func TestRewriteHost(t *testing.T) {
	t.Parallel()
	backend := runtime(t)
	name := uniqueName("rewrite")
	serve(t, backend.name, private([]string{privateHost(name)}, path(backend.split(0, nil))))
	apply(t, name+"-service.json", &core.Service{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: name},
		Spec: core.ServiceSpec{
			Type:         core.ServiceTypeExternalName,
			ExternalName: internalService,
			Ports: []core.ServicePort{{
				Name:       networking.ServicePortNameH2C,
				Port:       servicePort,
				TargetPort: intstr.FromInt32(servicePort),
			}},
		},
	})
	toPrivate := path((&Backend{name: name}).split(0, nil))
	toPrivate.RewriteHost = privateHost(name)
	hosts := []string{name + ".vanity.ismy.name", name + ".vanity.isalsomy.number"}
	serve(t, name, spec(rule(v1alpha1.IngressVisibilityExternalIP, hosts, toPrivate)))
	for _, host := range hosts {
		if got := mustReceive(t, "http://"+host).Host; got != privateHost(name) {
			t.Errorf("the backend received the host %q, wanted %q", got, privateHost(name))
		}
	}
}
