package main

import (
	"maps"
	"strings"
)

// combination is what the three ConfigMaps say that decide about hosts and rules.
type combination struct {
	name                      string
	domain, network, features map[string]string
	// telling are the telling Routes that show most under it.
	telling []string
}

const (
	tagHeaders       = "tag-header-based-routing"
	defaultTag       = "{{.Tag}}-{{.Name}}"
	domainTemplate   = "domain-template"
	tagTemplate      = "tag-template"
	httpProtocol     = "http-protocol"
	externalScheme   = "default-external-scheme"
	visibility       = "networking.knative.dev/visibility"
	selectsNonprofit = "selector:\n  app: nonprofit\n"
	selectsSecret    = "selector:\n  app: secret\n"
)

// sites are domains with selectors of different specificity, and ties.
var sites = map[string]string{
	"nonprofit.org":        selectsNonprofit,
	"eu.nonprofit.org":     "selector:\n  app: nonprofit\n  region: eu\n",
	"tie-b.example.org":    "selector:\n  region: eu\n",
	"tie-a.example.org":    "selector:\n  tier: dev\ntype: wildcard\n",
	"internal.example.org": "selector:\n  " + visibility + ": internal\n",
	"svc.cluster.local":    selectsSecret,
}

// with adds keys and values to some.
func with(some map[string]string, more ...string) map[string]string {
	all := maps.Clone(some)
	if all == nil {
		all = map[string]string{}
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

var combinations = []combination{
	{
		name:    "default",
		domain:  with(nil, "example.com", ""),
		telling: []string{"same-revision-twice", "zero-tagged", "odd-tags", "hidden-main", "hidden-tag", "long-name-tagged", "missing-revision"},
	},
	{
		name:     "empty-domain",
		network:  with(nil, httpProtocol, "Redirected"),
		features: with(nil, tagHeaders, "Enabled"),
		telling:  []string{"odd-tags", "digits-tagged", "http-option-enabled", "http-option-both", "local"},
	},
	{
		name:    "selectors",
		domain:  with(sites, "example.com", ""),
		network: with(nil, externalScheme, "https"),
		telling: []string{"nonprofit", "nonprofit-eu", "tie", "secret", "local-nonprofit", "internal-visibility", "hidden-nonprofit-tag"},
	},
	{
		name:     "two-defaults",
		domain:   with(nil, "b.example.com", "", "a.example.com", "type: wildcard\n", "nonprofit.org", selectsNonprofit),
		features: with(nil, tagHeaders, "enabled"),
		telling:  []string{"odd-tags", "zero-tagged", "hidden-main", "hidden-all", "shop-split"},
	},
	{
		name:     "no-default",
		domain:   with(sites),
		network:  with(nil, httpProtocol, "disabled"),
		features: with(nil, tagHeaders, "Enabled"),
		telling:  []string{"tie", "secret", "nonprofit", "plain-latest", "http-option-redirected", "internal-visibility"},
	},
	{
		name:    "dashes",
		domain:  with(nil, "10.0.0.7.sslip.io", ""),
		network: with(nil, domainTemplate, "{{.Name}}-{{.Namespace}}.{{.Domain}}", tagTemplate, "{{.Name}}-{{.Tag}}"),
		telling: []string{"long-name", "long-name-local", "nearly-long-name", "odd-tags", "hidden-tag"},
	},
	{
		name:   "annotations",
		domain: with(sites, "example.com", ""),
		network: with(nil, domainTemplate, `{{.Name}}.{{.Namespace}}.{{if index .Annotations "sub"}}{{index .Annotations "sub"}}.{{end}}{{.Domain}}`,
			httpProtocol, "REDIRECTED"),
		features: with(nil, tagHeaders, "Disabled"),
		telling:  []string{"sub", "sub-invalid", "sub-invalid-local", "hidden-main", "local", "http-option-empty"},
	},
	{
		name:   "labels",
		domain: with(sites, "example.com", ""),
		network: with(nil, domainTemplate, `{{.Name}}{{if index .Labels "`+visibility+`"}}-inside{{end}}.{{.Namespace}}`+
			`{{- if eq (index .Labels "tier") "dev" }}.dev{{ else if eq (index .Labels "tier") "prod" "live" }}.live{{ end -}}.{{.Domain}}`,
			externalScheme, "https"),
		features: with(nil, tagHeaders, "ENABLED"),
		telling:  []string{"internal-visibility", "tie", "prod", "local-nonprofit", "hidden-tag", "shop-split"},
	},
	{
		name:   "pipes",
		domain: with(nil, "example.com", "", "svc.cluster.local", selectsSecret),
		network: with(nil, "domainTemplate", `{{/* all at once */}}{{printf "%s.%s" .Name .Namespace}}.{{.Domain | printf "%s"}}`,
			"tagTemplate", `{{ .Tag | printf "%s-of" }}-{{ .Name -}}`, "httpProtocol", "Redirected", "defaultExternalScheme", "https"),
		telling: []string{"odd-tags", "secret", "zero-tagged", "http-option-wrong", "hidden-tag"},
	},
	{
		name: "odd-domains",
		domain: with(nil, "lan", "",
			"Upper.example.com", "selector:\n  domain: upper\n",
			"trailing.example.com.", "selector:\n  domain: dot\n",
			"10.0.0.7", "selector:\n  domain: digits\n",
			"under_score.example.com", "selector:\n  domain: underscore\n",
			"apps.svc.cluster.local", "selector: {domain: cluster}\n",
			longDomain, "selector: {domain: long}\n"),
		features: with(nil, tagHeaders, "Enabled"),
		telling: []string{"domain-upper", "domain-dot", "domain-digits", "domain-underscore", "domain-cluster", "domain-long",
			"domain-long-long-name", "plain-latest"},
	},
	{
		name:   "strict",
		domain: with(nil, "svc.cluster.local", "selector: {app: secret}\n", "nonprofit.org", selectsNonprofit),
		network: with(nil, domainTemplate, `{{.Name}}-{{.Namespace}}.{{index .Annotations "sub"}}.{{.Domain}}`, httpProtocol, "Disabled",
			"httpProtocol", "Redirected", tagTemplate, `{{if or (eq .Tag "dark") (eq .Tag "a-b")}}0-{{end}}{{.Tag}}-{{.Name}}`),
		telling: []string{"plain-latest", "sub", "local", "secret", "nonprofit", "sub-nonprofit", "http-option-redirected"},
	},
	{
		name:   "every-key",
		domain: with(sites, "example.com", "selector: {}\n", "example.net", "selector:\n"),
		network: with(nil, domainTemplate, `{{.Name}}.{{if and (ne .Namespace "routes-b") (not (index .Labels "region"))}}{{.Namespace}}{{else}}b{{end}}.{{.Domain}}`,
			"domainTemplate", "{{.Name}}.old.{{.Domain}}", tagTemplate, `{{if gt (len .Tag) 3}}{{slice .Tag 0 3}}{{len .Tag}}{{else}}{{.Tag}}{{end}}-x-{{.Name}}`,
			httpProtocol, "Enabled", "external-domain-tls", "Disabled", "rollout-duration", "0"),
		features: with(nil, tagHeaders, "Enabled"),
		telling:  []string{"nonprofit-eu", "zero-tagged", "hidden-tag", "rollout", "no-tls", "tie"},
	},
}

// longDomain leaves no room for a long name: a host has at most 253 characters.
var longDomain = strings.Repeat(strings.Repeat("d", 60)+".", 3) + "example.org"
