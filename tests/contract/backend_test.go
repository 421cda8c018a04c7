package contract

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

const (
	// namespace of all objects.
	namespace = "serving-tests"
	// servicePort of all Services.
	servicePort = 80
	// patience with anything that takes a moment.
	patience = 10 * time.Second
)

// serial makes names unique.
var serial atomic.Int64

func uniqueName(kind string) string {
	return fmt.Sprintf("%s-%d", kind, serial.Add(1))
}

// Backend is a Service with one of Knative's test images behind it.
type Backend struct {
	name    string
	process *exec.Cmd
	once    sync.Once
}

// startBackend runs an image with these variables; portName tells the gateway its protocol.
func startBackend(t *testing.T, image, portName string, env ...string) *Backend {
	t.Helper()
	port := freePort(t)
	b := &Backend{name: uniqueName(image)}
	b.process = exec.Command(filepath.Join(images, image))
	b.process.Env = append(os.Environ(), append(env, fmt.Sprintf("PORT=%d", port))...)
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	waitForPort(t, port)
	apply(t, b.name+"-service.json", b.service(portName, port))
	apply(t, b.name+"-slice.json", b.slice(portName, port))
	return b
}

// runtime starts the image that tells what it received.
func runtime(t *testing.T) *Backend {
	t.Helper()
	return startBackend(t, "runtime", networking.ServicePortNameHTTP1)
}

// stop removes the Service and ends the image, as Kubernetes does at the same moment.
func (b *Backend) stop() {
	b.once.Do(func() {
		_ = gateway.remove(b.name + "-slice.json")
		_ = gateway.remove(b.name + "-service.json")
		terminate(b.process)
	})
}

// split sends a share of the traffic to the backend.
func (b *Backend) split(percent int, headers map[string]string) v1alpha1.IngressBackendSplit {
	return v1alpha1.IngressBackendSplit{
		IngressBackend: v1alpha1.IngressBackend{
			ServiceNamespace: namespace,
			ServiceName:      b.name,
			ServicePort:      intstr.FromInt32(servicePort),
		},
		Percent:       percent,
		AppendHeaders: headers,
	}
}

func (b *Backend) service(portName string, targetPort int32) *core.Service {
	port := core.ServicePort{Name: portName, Port: servicePort, TargetPort: intstr.FromInt32(targetPort)}
	if portName == networking.ServicePortNameH2C {
		port.AppProtocol = &networking.AppProtocolH2C
	}
	return &core.Service{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: b.name},
		Spec:       core.ServiceSpec{Ports: []core.ServicePort{port}},
	}
}

func (b *Backend) slice(portName string, port int32) *discovery.EndpointSlice {
	labels := map[string]string{discovery.LabelServiceName: b.name}
	return &discovery.EndpointSlice{
		TypeMeta:    meta.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta:  meta.ObjectMeta{Namespace: namespace, Name: b.name, Labels: labels},
		AddressType: discovery.AddressTypeIPv4,
		Endpoints:   []discovery.Endpoint{{Addresses: []string{"127.0.0.1"}}},
		Ports:       []discovery.EndpointPort{{Name: &portName, Port: &port}},
	}
}

// apply writes an object into the gateway's directory.
func apply(t *testing.T, file string, object any) {
	t.Helper()
	manifest, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.write(file, manifest); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int32 {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return int32(listener.Addr().(*net.TCPAddr).Port)
}

// waitForPort connects until it succeeds, and sends nothing.
func waitForPort(t *testing.T, port int32) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", address)
}
