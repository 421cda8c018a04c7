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
)

type object = map[string]any

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
	return &api{server, token, &http.Client{Transport: transport}}, nil
}

func (a *api) post(path string, body any) error {
	return a.call(http.MethodPost, path, body, nil)
}

func (a *api) get(path string, into any) error {
	return a.call(http.MethodGet, path, nil, into)
}

func (a *api) put(path string, body, into any) error {
	return a.call(http.MethodPut, path, body, into)
}

func (a *api) call(method, path string, body, into any) error {
	response, err := a.send(method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func (a *api) send(method, path string, body any) (*http.Response, error) {
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
	return a.client.Do(request)
}
