package contract

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

func TestIngressTLS(t *testing.T) {
	t.Parallel()
	serveTLS(t, v1alpha1.HTTPOptionEnabled, http.StatusOK)
}

func TestHTTPOption(t *testing.T) {
	t.Parallel()
	serveTLS(t, v1alpha1.HTTPOptionEnabled, http.StatusOK)
	serveTLS(t, v1alpha1.HTTPOptionRedirected, http.StatusMovedPermanently)
}

// serveTLS serves a host with a certificate, which https must show and http must answer with this status.
func serveTLS(t *testing.T, option v1alpha1.HTTPOption, plain int) {
	t.Helper()
	backend := runtime(t)
	host := hostOf(backend.name)
	secret, roots := certificate(t, backend.name, host)
	apply(t, backend.name+"-secret.json", secret)
	spec := public(host, path(backend.split(0, nil)))
	spec.HTTPOption = option
	spec.TLS = []v1alpha1.IngressTLS{{Hosts: []string{host}, SecretName: secret.Name, SecretNamespace: namespace}}
	serve(t, backend.name, spec)

	client := gateway.client("external-https", &tls.Config{RootCAs: roots})
	defer client.CloseIdleConnections()
	if _, err := received(client, "https://"+host); err != nil {
		t.Error(err)
	}
	wantStatus(t, "http://"+host, plain)
}

// certificate makes what Knative's suite makes: a P-256 certificate that is its own authority, for five minutes.
func certificate(t *testing.T, name, host string) (*core.Secret, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		DNSNames:              []string{host},
		NotBefore:             time.Now(),
		NotAfter:              time.Now().Add(5 * time.Minute),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := block(t, "CERTIFICATE", certificate)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(chain)
	return &core.Secret{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: name},
		Type:       core.SecretTypeTLS,
		Data:       map[string][]byte{core.TLSCertKey: chain, core.TLSPrivateKeyKey: block(t, "PRIVATE KEY", private)},
	}, roots
}

func block(t *testing.T, kind string, content []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: content}); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
