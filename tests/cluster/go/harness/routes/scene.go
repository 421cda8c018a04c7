package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// system is the namespace of Knative's ConfigMaps.
const system = "knative-serving"

// scene is what a cluster has at one time.
type scene struct {
	routes []object
	// owned are the KIngresses by the names of the Routes they are for.
	owned map[string]object
	// errors are what the controller said of Routes that will not change, by their UIDs.
	errors map[string]string
}

func (s *stage) look() (*scene, error) {
	now := &scene{errors: map[string]string{}}
	var err error
	if now.routes, err = s.list(routes, namespaces(), ""); err != nil {
		return nil, err
	}
	all, err := s.list(kingresses, namespaces(), "")
	if err != nil {
		return nil, err
	}
	now.owned = byID(all)
	told, err := s.list(events, namespaces(), "?fieldSelector=reason=InternalError")
	if err != nil {
		return nil, err
	}
	for _, one := range told {
		if message := text(one, "message"); isFinal(message) {
			now.errors[text(one, "involvedObject", "uid")] = "InternalError: " + message
		}
	}
	return now, nil
}

// isFinal is whether trying again cannot mend an error of the controller's, as it can a timeout or a conflict.
func isFinal(message string) bool {
	return slices.ContainsFunc([]string{"domain name error", "incorrect http-protocol annotation", "is invalid"}, func(part string) bool {
		return strings.Contains(message, part)
	})
}

// changed names a Route or KIngress that is not the same any more.
func (n *scene) changed(next *scene) string {
	for _, pair := range []struct{ old, new map[string]object }{{byID(n.routes), byID(next.routes)}, {n.owned, next.owned}} {
		if len(pair.old) != len(pair.new) {
			return fmt.Sprintf("of %d are %d left", len(pair.old), len(pair.new))
		}
		for name := range maps.Keys(pair.new) {
			if text(pair.old[name], "metadata", "resourceVersion") != text(pair.new[name], "metadata", "resourceVersion") {
				return name + " still changes"
			}
		}
	}
	return ""
}
