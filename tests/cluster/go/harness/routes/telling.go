package main

// one is all traffic to one Configuration's latest ready Revision.
func one(configuration string) []target {
	return []target{{configuration: configuration, percent: 100}}
}

// pinned is an entry for a Revision.
func pinned(revision string, percent int, tag ...string) target {
	return target{revision: revision, percent: percent, tag: first(tag)}
}

// followed is an entry for a Configuration's latest ready Revision.
func followed(configuration string, percent int, tag ...string) target {
	return target{configuration: configuration, percent: percent, tag: first(tag)}
}

func first(tag []string) string {
	if len(tag) == 0 {
		return ""
	}
	return tag[0]
}

// mixed is a split with tags.
var mixed = []target{pinned("blue-00001", 70), followed("green", 20, "next"), pinned("blue-00002", 10, "now"), pinned("green-first", 0, "old")}

// halved is a smaller one.
var halved = []target{pinned("blue-00001", 80), followed("green", 20, "next")}

type labels = map[string]string

// telling are Routes that each show one rule. All are in the first namespace but those that say otherwise.
var telling = []route{
	{name: "canary", traffic: one("blue"), labels: labels{barrier: "here"}, annotations: labels{"sub": "canary"}}, // shows which ConfigMaps are in effect
	{name: "plain-latest", traffic: one("blue")},
	{name: "plain-pinned", traffic: []target{pinned("blue-00001", 100)}},
	{name: "plain-h2c", traffic: one("green")},
	{name: "bare-fields", traffic: []target{{configuration: "blue", percent: 100, bare: true}, {revision: "green-first", tag: "bare", bare: true}}},
	{name: "split-three", traffic: []target{pinned("blue-00002", 50), pinned("green-first", 30), followed("blue", 20)}},
	{name: "same-revision-twice", traffic: []target{pinned("blue-00001", 40), pinned("blue-00001", 60)}},
	{name: "same-revision-thrice", traffic: []target{pinned("blue-00001", 30), followed("green", 30), pinned("blue-00001", 0, "a"), pinned("blue-00001", 40, "b")}},
	{name: "latest-and-pinned", traffic: []target{followed("blue", 30), pinned("green-first", 40), pinned("blue-00003", 30)}},
	{name: "zero-untagged", traffic: []target{pinned("green-second", 0), pinned("blue-00001", 100)}},
	{name: "zero-tagged", traffic: []target{pinned("blue-00001", 90), followed("green", 10, "canary"), pinned("blue-00001", 0, "stable"), pinned("green-first", 0, "dark")}},
	{name: "all-on-a-tag", traffic: []target{followed("blue", 100, "only")}},
	{name: "all-tagged", traffic: []target{pinned("blue-00001", 50, "left"), pinned("blue-00002", 50, "right")}},
	{name: "odd-tags", traffic: []target{pinned("blue-00001", 25, "b10"), pinned("blue-00002", 25, "b2"), pinned("blue-00003", 25, "b-1"), pinned("green-first", 25, "b")}},
	{name: "local", labels: labels{visibility: "cluster-local"}, traffic: mixed},
	{name: "local-nonprofit", labels: labels{visibility: "cluster-local", "app": "nonprofit", "tier": "dev"}, traffic: halved},
	{name: "internal-visibility", labels: labels{visibility: "internal"}, traffic: mixed}, // only cluster-local counts on a Route
	{name: "hidden-main", traffic: mixed, hidden: []string{""}},
	{name: "hidden-tag", traffic: mixed, hidden: []string{"next"}},
	{name: "hidden-all", traffic: mixed, hidden: []string{"", "next", "now", "old"}},
	{name: "hidden-nonprofit-tag", labels: labels{"app": "nonprofit", "region": "eu"}, traffic: mixed, hidden: []string{"now", "old"}},
	{name: "nonprofit", labels: labels{"app": "nonprofit"}, traffic: halved},
	{name: "nonprofit-eu", labels: labels{"app": "nonprofit", "region": "eu", "tier": "dev"}, traffic: halved},
	{name: "tie", labels: labels{"region": "eu", "tier": "dev"}, traffic: halved},
	{name: "prod", labels: labels{"tier": "prod"}, traffic: halved},
	{name: "secret", labels: labels{"app": "secret"}, traffic: halved},
	{name: "secret-tie", labels: labels{"app": "secret", "region": "eu"}, traffic: one("green")},
	{name: "http-option-enabled", annotations: labels{httpOption: "Enabled"}, traffic: one("blue")},
	{name: "http-option-redirected", annotations: labels{httpOptionOther: "redirected"}, traffic: one("blue")},
	{name: "http-option-both", annotations: labels{httpOption: "ENABLED", httpOptionOther: "redirected"}, traffic: one("blue")}, // httpOption is read first
	{name: "http-option-empty", annotations: labels{httpOption: "", httpOptionOther: "redirected"}, traffic: one("blue")},       // the first key that is there decides
	{name: "http-option-wrong", annotations: labels{httpOption: "disabled"}, traffic: one("blue")},                              // a ConfigMap may say so, a Route may not
	{name: "no-tls", annotations: labels{"networking.knative.dev/disable-external-domain-tls": "true"}, traffic: one("blue")},
	{name: "rollout", annotations: labels{"serving.knative.dev/rollout-duration": "120s"}, traffic: halved}, // there is nothing to roll out
	{name: "sub", annotations: labels{"sub": "team"}, traffic: halved},
	{name: "sub-nonprofit", annotations: labels{"sub": "team.two"}, labels: labels{"app": "nonprofit"}, traffic: halved},
	{name: "sub-secret", annotations: labels{"sub": "team"}, labels: labels{"app": "secret"}, traffic: halved},
	{name: "sub-invalid", annotations: labels{"sub": "Team_One"}, traffic: halved},
	{name: "sub-invalid-local", annotations: labels{"sub": "Team_One"}, labels: labels{visibility: "cluster-local"}, traffic: halved},
	{name: "sub-invalid-secret", annotations: labels{"sub": "Team_One"}, labels: labels{"app": "secret"}, traffic: halved},
	{name: "missing-revision", traffic: []target{pinned("blue-00001", 50), pinned("blue-00009", 50)}},
	{name: "missing-configuration", traffic: one("red")},
	{name: "missing-at-zero", traffic: []target{pinned("blue-00001", 100), pinned("blue-00009", 0, "gone")}},
	{name: "failed-revision", traffic: []target{pinned("broken-00002", 100)}},
	{name: "waiting-revision", traffic: []target{pinned("blue-00001", 99), pinned("stuck-00002", 1)}},
	{name: "never-ready", traffic: one("never")},
	{name: "latest-failed", traffic: one("broken")}, // the latest ready one goes on
	{name: "latest-waiting", traffic: []target{followed("stuck", 60), followed("broken", 40, "broken")}},
	{name: "long-name", length: 63, traffic: one("blue")},
	{name: "long-name-tagged", length: 63, traffic: []target{followed("blue", 100), pinned("blue-00001", 0, "t")}},
	{name: "long-name-local", length: 63, labels: labels{visibility: "cluster-local"}, traffic: one("green")},
	{name: "nearly-long-name", length: 61, traffic: []target{followed("blue", 100), pinned("blue-00001", 0, "t")}}, // 61 characters, 63 with the tag
	{name: "domain-upper", labels: labels{"domain": "upper"}, traffic: halved},
	{name: "domain-upper-local", labels: labels{"domain": "upper", visibility: "cluster-local"}, traffic: halved},
	{name: "domain-dot", labels: labels{"domain": "dot"}, traffic: halved},
	{name: "domain-digits", labels: labels{"domain": "digits"}, traffic: halved},
	{name: "domain-underscore", labels: labels{"domain": "underscore"}, traffic: halved},
	{name: "domain-cluster", labels: labels{"domain": "cluster"}, traffic: halved},
	{name: "domain-long", labels: labels{"domain": "long"}, traffic: halved},
	{name: "domain-long-long-name", length: 52, labels: labels{"domain": "long"}, traffic: one("blue")},
	{namespace: digits, name: "digits-plain", traffic: one("blue")},
	{namespace: digits, name: "digits-tagged", traffic: []target{pinned("blue-00001", 60), followed("blue", 40, "next")}},
	{namespace: digits, name: "digits-local", labels: labels{visibility: "cluster-local"}, traffic: one("blue")},
	{namespace: "routes-b", name: "other-namespace", traffic: []target{pinned("blue-00001", 60), followed("green", 40, "next")}},
	{name: "shop-plain", owned: true, traffic: []target{followed("", 100)}},
	{name: "shop-split", owned: true, traffic: []target{pinned("shop-split-00001", 80), followed("", 20, "next")}},
	{name: "shop-pinned", owned: true, traffic: []target{pinned("shop-pinned-00002", 100), pinned("shop-pinned-00001", 0, "old"), followed("", 0, "latest")}},
	{name: "shop-local", owned: true, labels: labels{visibility: "cluster-local"}, traffic: []target{followed("", 100, "next")}},
	{name: "shop-redirected", owned: true, annotations: labels{httpOption: "Redirected", "sub": "shop"}, labels: labels{"app": "nonprofit"},
		traffic: []target{followed("", 50), pinned("shop-redirected-00002", 50)}},
	{name: "shop-foreign", owned: true, traffic: []target{followed("", 50), pinned("blue-00001", 50)}},        // the Revision is not this Knative Service's
	{name: "shop-stranger", owned: true, traffic: []target{followed("", 50), pinned("shop-plain-00001", 50)}}, // the Revision is another's
}

const (
	httpOption      = "networking.knative.dev/httpOption"
	httpOptionOther = "networking.knative.dev/http-protocol"
)
