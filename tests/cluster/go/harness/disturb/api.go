package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

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
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, TLSHandshakeTimeout: 10 * time.Second}
	return &api{server, token, &http.Client{Transport: transport}}, nil
}

// get reads one object or list.
func (a *api) get(path string, into any) error {
	body, err := a.open(http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(into)
}

// patch applies a JSON patch.
func (a *api) patch(path string, operations any) error {
	content, err := json.Marshal(operations)
	if err != nil {
		return err
	}
	body, err := a.open(http.MethodPatch, path, content)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

// open sends a request and returns the body of its answer, to be closed.
func (a *api) open(method, path string, content []byte) (io.ReadCloser, error) {
	request, err := http.NewRequest(method, a.server+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json-patch+json")
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		answer, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return response.Body, nil
}

// readyReplicas are the addresses at which the gateway's Service has ready endpoints.
func (a *api) readyReplicas() ([]string, error) {
	var slices struct {
		Items []struct {
			Endpoints []struct {
				Addresses  []string
				Conditions struct{ Ready bool }
			}
		}
	}
	const path = "/apis/discovery.k8s.io/v1/namespaces/knative-serving/endpointslices?labelSelector=kubernetes.io/service-name=net-pingora"
	if err := a.get(path, &slices); err != nil {
		return nil, err
	}
	var ready []string
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready {
				ready = append(ready, endpoint.Addresses...)
			}
		}
	}
	return ready, nil
}
