package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// chosen is how many Routes of each combination go into the corpus.
const chosen = 6

// writeCorpus writes a small part of a dump, for tests that have no cluster: of each combination some of the telling
// Routes, what they name, and of every object only what can decide.
func writeCorpus(from, to string) error {
	turn := 0
	for _, c := range combinations {
		objects, err := readFolder(filepath.Join(from, c.name, "objects"))
		if err != nil {
			return err
		}
		made, err := readFolder(filepath.Join(from, c.name, "kingress"))
		if err != nil {
			return err
		}
		if len(objects) == 0 {
			return fmt.Errorf("there is no %s in %s", c.name, from)
		}
		var p part
		p.routes, turn = c.choose(turn)
		p.targets = p.named(objects)
		if err := writeCompact(filepath.Join(to, c.name, "objects.yaml"), p.of(objects)); err != nil {
			return err
		}
		if err := writeCompact(filepath.Join(to, c.name, "kingress.yaml"), p.of(made)); err != nil {
			return err
		}
	}
	return nil
}

// choose names the Routes that tell most of a combination, and others in turn.
func (c combination) choose(turn int) (map[string]bool, int) {
	all := generate(0, len(telling))
	names := map[string]bool{}
	for _, r := range all {
		if slices.Contains(c.telling, strings.TrimRight(r.name, "x")) {
			names[r.id()] = true
		}
	}
	for ; len(names) < chosen; turn++ {
		names[all[turn%len(all)].id()] = true
	}
	return names, turn
}

// part are the Routes chosen, and what they name, each as NAMESPACE/NAME.
type part struct {
	routes, targets map[string]bool
}

// named are the Configurations and Revisions that the chosen Routes name.
func (p part) named(objects []object) map[string]bool {
	targets := map[string]bool{}
	for _, one := range objects {
		if !isA(one, routes) || !p.routes[id(one)] {
			continue
		}
		for _, entry := range items(one, "spec", "traffic") {
			for _, key := range []string{"configurationName", "revisionName"} {
				if name := text(entry, key); name != "" {
					targets[text(one, "metadata", "namespace")+"/"+name] = true
				}
			}
		}
	}
	return targets
}

// of keeps what belongs to the part, and of each object what decides.
func (p part) of(all []object) []object {
	var kept []object
	for _, one := range all {
		if p.has(one) {
			kept = append(kept, prune(one))
		}
	}
	return kept
}

func (p part) has(one object) bool {
	// label is the object of the same namespace that a label of Serving's names.
	label := func(name string) string {
		return text(one, "metadata", "namespace") + "/" + text(one, "metadata", "labels", "serving.knative.dev/"+name)
	}
	switch {
	case isA(one, configMaps):
		return true
	case isA(one, routes), isA(one, services), isA(one, kingresses):
		return p.routes[id(one)]
	case isA(one, configurations):
		return p.targets[id(one)]
	case isA(one, revisions):
		return p.targets[id(one)] || p.targets[label("configuration")]
	case isA(one, coreServices):
		// The others decide nothing.
		return p.routes[label("route")] && text(one, "metadata", "labels", visibility) != ""
	}
	return false
}
