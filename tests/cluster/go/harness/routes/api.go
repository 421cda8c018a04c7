package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type object = map[string]any

// kind is a resource of the Kubernetes API, with namespaces.
type kind struct {
	apiVersion, name, plural string
}

var (
	configMaps     = kind{"v1", "ConfigMap", "configmaps"}
	coreServices   = kind{"v1", "Service", "services"}
	events         = kind{"v1", "Event", "events"}
	services       = kind{"serving.knative.dev/v1", "Service", "services"}
	configurations = kind{"serving.knative.dev/v1", "Configuration", "configurations"}
	revisions      = kind{"serving.knative.dev/v1", "Revision", "revisions"}
	routes         = kind{"serving.knative.dev/v1", "Route", "routes"}
	kingresses     = kind{"networking.internal.knative.dev/v1alpha1", "Ingress", "ingresses"}
)

// in is the path of all of a kind in a namespace, of one with its name.
func (k kind) in(namespace string, name ...string) string {
	path := "/apis/"
	if k.apiVersion == "v1" {
		path = "/api/"
	}
	path += k.apiVersion + "/namespaces/" + namespace + "/" + k.plural
	if len(name) > 0 {
		path += "/" + name[0]
	}
	return path
}

// api is a client of the Kubernetes API.
type api struct {
	server, token string
	client        *http.Client
}

func newAPI(server, authority, token string) (*api, error) {
	certificate, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, fmt.Errorf("no certificate in %s", authority)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	return &api{server, token, &http.Client{Transport: transport, Timeout: patience}}, nil
}

func (a *api) get(path string) (object, error) {
	return a.call(http.MethodGet, path, nil)
}

func (a *api) create(path string, body object) error {
	_, err := a.call(http.MethodPost, path, body)
	return err
}

func (a *api) replace(path string, body object) error {
	_, err := a.call(http.MethodPut, path, body)
	return err
}

// merge applies a JSON merge patch.
func (a *api) merge(path string, patch object) error {
	_, err := a.call(http.MethodPatch, path, patch)
	return err
}

func (a *api) delete(path string) error {
	_, err := a.call(http.MethodDelete, path, nil)
	return err
}

// list returns all of a kind in the namespaces, each with its kind and without what tells who wrote which field.
func (a *api) list(k kind, namespaces []string, query string) ([]object, error) {
	var all []object
	for _, namespace := range namespaces {
		answer, err := a.get(k.in(namespace) + query)
		if err != nil {
			return nil, err
		}
		for _, item := range items(answer, "items") {
			one := item.(object)
			one["apiVersion"], one["kind"] = k.apiVersion, k.name
			delete(one["metadata"].(object), "managedFields")
			all = append(all, one)
		}
	}
	return all, nil
}

// call tries again if there is no answer, or that of a server or a webhook in trouble. What it asks for may have been
// done all the same: then it is refused.
func (a *api) call(method, path string, body object) (object, error) {
	end := time.Now().Add(patience)
	for again := false; ; again = true {
		answer, err := a.once(method, path, body)
		var refused *refusal
		final := errors.As(err, &refused) && refused.status < 500
		switch {
		case final && again && (refused.status == http.StatusConflict || refused.status == http.StatusNotFound):
			return nil, nil
		case err == nil || final || time.Now().After(end):
			return answer, err
		}
		time.Sleep(time.Second)
	}
}

func (a *api) once(method, path string, body object) (object, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequest(method, a.server+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= 300 {
		return nil, &refusal{method + " " + path, response.StatusCode, string(answer)}
	}
	var result object
	return result, json.Unmarshal(answer, &result)
}

// refusal is an answer of the API server that is no success.
type refusal struct {
	request string
	status  int
	answer  string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %d: %s", r.request, r.status, r.answer)
}
