package main

import (
	"fmt"
	"strings"
	"text/template"
)

// barrier is the label of the canary. A watch tells of changes in their order: what the controller has made of the
// last change to a kind of object shows that it knows of all changes before.
const barrier = "barrier"

// configure writes the ConfigMaps of a combination, and waits until Serving's controller has them: it has read them all
// when the canary's KIngress shows what was written last. That is a domain for the canary alone, and then its removal.
func (s *stage) configure(c combination) error {
	network := with(c.network, "ingress-class", s.class, "autocreate-cluster-domain-claims", "true")
	domain := "barrier-" + c.name + ".example"
	for _, step := range []struct {
		name string
		data map[string]string
	}{
		{"config-network", network},
		{"config-features", c.features},
		{"config-domain", with(c.domain, domain, "selector:\n  "+barrier+": here\n")},
	} {
		if err := s.setConfig(step.name, step.data); err != nil {
			return err
		}
	}
	if err := s.untilCanary(domain, true); err != nil {
		return err
	}
	if err := s.setConfig("config-domain", c.domain); err != nil {
		return err
	}
	return s.untilCanary(domain, false)
}

// setConfig replaces the data of a ConfigMap of Knative's, but for its example.
func (s *stage) setConfig(name string, data map[string]string) error {
	path := configMaps.in(system, name)
	current, err := s.get(path)
	if err != nil {
		return err
	}
	all := object{"_example": text(current, "data", "_example")}
	for key, value := range data {
		all[key] = value
	}
	current["data"] = all
	return s.replace(path, current)
}

// untilCanary waits until the canary's KIngress has, or has no, host in a domain.
func (s *stage) untilCanary(domain string, wanted bool) error {
	canary := s.routes[0]
	return until(patience, func() (string, error) {
		all, err := s.list(kingresses, []string{canary.namespace}, "")
		if err != nil {
			return "", err
		}
		one, found := byID(all)[canary.id()]
		if found && strings.Contains(fmt.Sprint(one["spec"]), domain) == wanted {
			return "", nil
		}
		return fmt.Sprintf("the canary's KIngress is to show %s: %v, has spec %v", domain, wanted, one["spec"]), nil
	})
}

// hide labels the placeholder Services of hidden targets, and waits until the KIngresses are made with those labels: once
// the controller has noticed that a Service of the canary's, deleted after them, is gone, each Route is touched, and its
// KIngress has to show that.
func (s *stage) hide(c combination) error {
	hidden, err := s.labelHidden(c)
	if err != nil {
		return err
	}
	if err := s.untilServicesAreKnown(); err != nil {
		return err
	}
	err = each(hidden, func(r route) error {
		return s.merge(routes.in(r.namespace, r.name), object{"metadata": object{"annotations": object{"touched": "yes"}}})
	})
	if err != nil {
		return err
	}
	return s.untilTouched(hidden)
}

// labelHidden returns the Routes that have such Services. One that is wrong has none.
func (s *stage) labelHidden(c combination) ([]route, error) {
	placeholders, err := s.list(coreServices, namespaces(), "?labelSelector=serving.knative.dev/route")
	if err != nil {
		return nil, err
	}
	there := byID(placeholders)
	var hidden []route
	for _, r := range s.routes {
		found := false
		for _, tag := range r.hidden {
			host, err := c.hostname(r.name, tag)
			if err != nil {
				return nil, err
			}
			if there[r.namespace+"/"+host] == nil {
				continue
			}
			// Any value hides, but an empty one.
			value := "cluster-local"
			if tag != "" {
				value = "any"
			}
			if err := s.merge(coreServices.in(r.namespace, host), object{"metadata": object{"labels": object{visibility: value}}}); err != nil {
				return nil, err
			}
			found = true
		}
		if found {
			hidden = append(hidden, r)
		}
	}
	return hidden, nil
}

// hostname is what a Route's placeholder Service for a tag is named.
func (c combination) hostname(name, tag string) (string, error) {
	if tag == "" {
		return name, nil
	}
	source := defaultTag
	for _, key := range []string{"tagTemplate", tagTemplate} {
		if value, found := c.network[key]; found {
			source = value
		}
	}
	parsed, err := template.New("tag").Parse(source)
	if err != nil {
		return "", err
	}
	var host strings.Builder
	err = parsed.Execute(&host, map[string]string{"Name": name, "Tag": tag})
	return host.String(), err
}

// untilServicesAreKnown deletes the canary's placeholder Service and waits until it is there again.
func (s *stage) untilServicesAreKnown() error {
	canary := s.routes[0]
	path := coreServices.in(canary.namespace, canary.name)
	before, err := s.get(path)
	if err != nil {
		return err
	}
	if err := s.delete(path); err != nil {
		return err
	}
	return until(patience, func() (string, error) {
		all, err := s.list(coreServices, []string{canary.namespace}, "")
		one, found := byID(all)[canary.id()]
		if found && text(one, "metadata", "uid") != text(before, "metadata", "uid") {
			return "", err
		}
		return "the canary's Service is to be made again", err
	})
}

// untilTouched waits until the KIngresses of Routes show that they are made of what was touched.
func (s *stage) untilTouched(touched []route) error {
	return until(patience, func() (string, error) {
		all, err := s.list(kingresses, namespaces(), "")
		if err != nil {
			return "", err
		}
		made := byID(all)
		for _, r := range touched {
			if one := made[r.id()]; one != nil && text(one, "metadata", "annotations", "touched") == "" {
				return "KIngress " + r.id() + " is of before", nil
			}
		}
		return "", nil
	})
}
