package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
)

const private = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?watch=1&resourceVersion=0" +
	"&labelSelector=networking.internal.knative.dev/serviceType=Private"

// watch notes from now on which addresses revisions have, ready or not, and asks each new one for readiness.
func watch(b *book, server, authority, token string) error {
	certificate, err := os.ReadFile(authority)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return fmt.Errorf("no certificate in %s", authority)
	}
	request, err := http.NewRequest(http.MethodGet, server+private, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return fmt.Errorf("%s: %s", private, response.Status)
	}
	go func() {
		defer response.Body.Close()
		b.fail(follow(b, json.NewDecoder(response.Body)))
	}()
	return nil
}

// follow returns why the watch has ended.
func follow(b *book, events *json.Decoder) error {
	for {
		var event struct {
			Type   string
			Object struct {
				Message   string
				Endpoints []struct{ Addresses []netip.Addr }
			}
		}
		if err := events.Decode(&event); err != nil {
			return fmt.Errorf("the watch: %w", err)
		}
		if event.Type == "ERROR" {
			return fmt.Errorf("the watch: %s", event.Object.Message)
		}
		for _, endpoint := range event.Object.Endpoints {
			for _, address := range endpoint.Addresses {
				if b.name(address) {
					go probe(b, address)
				}
			}
		}
	}
}
