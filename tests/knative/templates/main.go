// Command templates answers questions about host names with Knative's own code. Each line of the
// standard input is a question as JSON, and a line of the output is its answer.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"text/template"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	netcfg "knative.dev/networking/pkg/config"
	servingcfg "knative.dev/serving/pkg/apis/config"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"knative.dev/serving/pkg/reconciler/route/config"
	"knative.dev/serving/pkg/reconciler/route/domains"
)

// question is one of: a template with its values, a ConfigMap, or a Route with its ConfigMaps.
type question struct {
	Template *string           `json:"template"`
	Name     string            `json:"name"`
	Space    string            `json:"namespace"`
	Domain   string            `json:"domain"`
	Tag      string            `json:"tag"`
	Notes    map[string]string `json:"annotations"`
	Labels   map[string]string `json:"labels"`

	Domains  map[string]string `json:"config-domain"`
	Network  map[string]string `json:"config-network"`
	Features map[string]string `json:"config-features"`
	Local    bool              `json:"local"`
}

// answer has either a result or an error.
type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	questions, answers := json.NewDecoder(in), bufio.NewWriter(out)
	encoder := json.NewEncoder(answers)
	encoder.SetEscapeHTML(false)
	for {
		var asked question
		if err := questions.Decode(&asked); err == io.EOF {
			return answers.Flush()
		} else if err != nil {
			return err
		}
		result, err := asked.answer()
		said := answer{Result: result}
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := encoder.Encode(said); err != nil {
			return err
		}
	}
}

func (q question) answer() (any, error) {
	switch {
	case q.Template != nil:
		return q.execute()
	case q.Domains != nil:
		return q.hosts()
	case q.Network != nil:
		return q.network()
	default:
		return q.features()
	}
}

// execute gives what the template makes of the values of domain-template, or with a tag of tag-template.
func (q question) execute() (any, error) {
	parsed, err := template.New("template").Parse(*q.Template)
	if err != nil {
		return nil, err
	}
	var values any = netcfg.DomainTemplateValues{
		Name: q.Name, Namespace: q.Space, Domain: q.Domain, Annotations: q.Notes, Labels: q.Labels,
	}
	if q.Tag != "" {
		values = netcfg.TagTemplateValues{Name: q.Name, Tag: q.Tag}
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, values); err != nil {
		return nil, err
	}
	return text.String(), nil
}

// network gives what is read in config-network.
func (q question) network() (any, error) {
	read, err := netcfg.NewConfigFromMap(q.Network)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"ingress-class":                    read.DefaultIngressClass,
		"certificate-class":                read.DefaultCertificateClass,
		"domain-template":                  read.DomainTemplate,
		"tag-template":                     read.TagTemplate,
		"default-external-scheme":          read.DefaultExternalScheme,
		"external-domain-tls":              read.ExternalDomainTLS,
		"cluster-local-domain-tls":         read.ClusterLocalDomainTLS == netcfg.EncryptionEnabled,
		"system-internal-tls":              read.SystemInternalTLSEnabled(),
		"http-protocol":                    read.HTTPProtocol,
		"rollout-duration":                 read.RolloutDurationSecs,
		"autocreate-cluster-domain-claims": read.AutocreateClusterDomainClaims,
	}, nil
}

func (q question) features() (any, error) {
	read, err := servingcfg.NewFeaturesConfigFromMap(q.Features)
	if err != nil {
		return nil, err
	}
	return map[string]any{"tag-header-based-routing": read.TagHeaderBasedRouting == servingcfg.Enabled}, nil
}

// hosts gives the domain that config-domain says for the Route, and the names of one of its targets.
func (q question) hosts() (any, error) {
	read, err := config.NewDomainFromConfigMap(&corev1.ConfigMap{Data: q.Domains})
	if err != nil {
		return nil, err
	}
	network, err := netcfg.NewConfigFromMap(q.Network)
	if err != nil {
		return nil, err
	}
	route := &servingv1.Route{ObjectMeta: metav1.ObjectMeta{
		Name: q.Name, Namespace: q.Space, Labels: q.Labels, Annotations: q.Notes,
	}}
	visibility := v1alpha1.IngressVisibilityExternalIP
	if q.Local {
		visibility = v1alpha1.IngressVisibilityClusterLocal
	}
	domain := read.LookupDomainForLabels(q.Labels)
	ctx := config.ToContext(context.Background(), &config.Config{Domain: read, Network: network})
	names, err := domains.GetDomainsForVisibility(ctx, q.Tag, route, visibility)
	if err != nil {
		return nil, err
	}
	expanded := names.Expanded.UnsortedList()
	sort.Strings(expanded)
	return map[string]any{"domain": domain, "primary": names.Primary, "expanded": expanded}, nil
}
