package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generate makes so many Routes: the telling ones, and of a seed's choice what is left.
func generate(seed uint64, n int) []route {
	g := &generator{rand.New(rand.NewPCG(seed, 0))}
	all := make([]route, 0, n)
	for _, r := range telling {
		if r.namespace == "" {
			r.namespace = worlds[0].namespace
		}
		r.name += strings.Repeat("x", max(0, r.length-len(r.name)))
		all = append(all, r)
	}
	for i := len(all); i < n; i++ {
		all = append(all, g.route(i))
	}
	return all
}

type generator struct {
	*rand.Rand
}

// chance is true in so many cases of a hundred.
func (g *generator) chance(percent int) bool {
	return g.IntN(100) < percent
}

func pick[T any](g *generator, from []T) T {
	return from[g.IntN(len(from))]
}

func (g *generator) route(i int) route {
	r := route{namespace: worlds[0].namespace, name: g.name(i), labels: g.labels(), annotations: g.annotations()}
	w := worlds[0]
	switch {
	// A longer name would give its revisions other names than these.
	case len(r.name)+len("-00001") <= 63 && g.chance(2):
		r.owned = true
		w = world{ready: []string{r.name + "-00001", r.name + "-00002"}, followed: []string{""}}
	case g.chance(35):
		w = pick(g, worlds[1:])
		r.namespace = w.namespace
	}
	r.traffic = g.traffic(w)
	if !r.owned && g.chance(20) {
		r.hidden = g.hidden(r.traffic)
	}
	return r
}

// name is unique, and once in a while as long as a name may be, or nearly.
func (g *generator) name(i int) string {
	name := fmt.Sprintf("r-%d", i)
	if g.chance(10) {
		name += strings.Repeat("y", 63-len(name)-g.IntN(8))
	}
	return name
}

// some adds one of the values in so many cases of a hundred.
func (g *generator) some(all labels, percent int, key string, values ...string) {
	if g.chance(percent) {
		all[key] = pick(g, values)
	}
}

func (g *generator) labels() labels {
	all := labels{}
	g.some(all, 30, "app", "nonprofit", "secret", "shop")
	g.some(all, 30, "region", "eu", "us")
	g.some(all, 30, "tier", "dev", "prod", "live")
	g.some(all, 25, "domain", "upper", "dot", "digits", "underscore", "cluster", "long")
	g.some(all, 20, visibility, "cluster-local", "cluster-local", "internal", "")
	return all
}

func (g *generator) annotations() labels {
	all := labels{}
	g.some(all, 50, "sub", "team", "team.two", "t", "-dash", "")
	g.some(all, 15, httpOption, "Enabled", "redirected", "REDIRECTED")
	g.some(all, 15, httpOptionOther, "enabled", "Redirected")
	g.some(all, 2, httpOption, "never")
	g.some(all, 10, "networking.knative.dev/disable-external-domain-tls", "true", "false")
	return all
}

// Tags that sort otherwise than they read, or are as short as can be.
var tags = []string{"a", "a-b", "aa", "b", "b10", "b2", "latest", "v1", "v1-0", "v10", "v2", "z--z", strings.Repeat("t", 40)}

func (g *generator) traffic(w world) []target {
	n := pick(g, []int{1, 1, 2, 2, 3, 3, 4, 5, 6})
	shares := g.shares(n)
	order := g.Perm(len(tags))
	tagged := 0
	var all []target
	for i := range n {
		t := target{percent: shares[i], bare: g.chance(20)}
		if g.chance(60) {
			t.revision = pick(g, w.ready)
		} else {
			t.configuration = pick(g, w.followed)
		}
		if tagged < 4 && (g.chance(40) || t.percent == 0 && g.chance(70)) {
			t.tag = tags[order[tagged]]
			tagged++
		}
		all = append(all, t)
	}
	if g.chance(4) {
		all[g.IntN(n)].revision = pick(g, []string{"none-00001", "broken-00002", "stuck-00002"})
	}
	return all
}

// shares are n numbers that sum to 100, some of them 0.
func (g *generator) shares(n int) []int {
	all := make([]int, n)
	left := 100
	for i := range n - 1 {
		if !g.chance(30) {
			all[i] = g.IntN(left + 1)
			left -= all[i]
		}
	}
	all[n-1] = left
	g.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// hidden are some of the traffic's targets.
func (g *generator) hidden(traffic []target) []string {
	var all []string
	if g.chance(40) {
		all = append(all, "")
	}
	for _, t := range traffic {
		if t.tag != "" && g.chance(50) {
			all = append(all, t.tag)
		}
	}
	return all
}
