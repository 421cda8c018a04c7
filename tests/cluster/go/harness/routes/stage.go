package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// stage is a cluster with Serving on it, and the Routes to make there.
type stage struct {
	*api
	class, image string
	routes       []route
	// seen are the UIDs of the Routes of the combination before.
	seen map[string]string
}

// prepare makes all that stays under every combination: what Routes name, Knative Services, and the canary.
func (s *stage) prepare() error {
	if err := makeWorlds(s.api, s.image); err != nil {
		return err
	}
	if err := each(s.routes, s.makeService); err != nil {
		return err
	}
	return s.create(routes.in(s.routes[0].namespace), s.routes[0].object())
}

// makeService makes a Knative Service with two ready Revisions for a Route that is to be owned.
func (s *stage) makeService(r route) error {
	if !r.owned {
		return nil
	}
	spec := func(n int, more object) object {
		more["template"] = revision{}.template(s.image, false, n)
		return object{"apiVersion": services.apiVersion, "kind": services.name, "metadata": r.metadata(), "spec": more}
	}
	for n, more := range []object{{}, {"traffic": r.targets()}} {
		var err error
		if n == 0 {
			err = s.create(services.in(r.namespace), spec(n, more))
		} else {
			err = s.merge(services.in(r.namespace, r.name), object{"spec": spec(n, more)["spec"]})
		}
		if err != nil {
			return err
		}
		if err := untilLatest(s.api, r.namespace, r.name, fmt.Sprintf("%s-%05d", r.name, n+1)); err != nil {
			return err
		}
	}
	return nil
}

// play lets Serving make KIngresses of all Routes under a combination, and returns what there is then.
//
// Every Route is made anew once the ConfigMaps are in effect: so nothing is left of the combination before, for Serving
// keeps the KIngress of a Route that has become wrong, and a new Route's status tells that Serving has looked at it.
func (s *stage) play(c combination) (*scene, error) {
	steps := []func() error{
		s.clear,
		func() error { return s.configure(c) },
		func() error { return each(s.routes[1:], s.makeRoute) },
		s.settle,
		func() error { return s.hide(c) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s.steady()
}

// clear removes all Routes but the canary and those of Knative Services, and waits until their children are gone.
func (s *stage) clear() error {
	all, err := s.list(routes, namespaces(), "?labelSelector=!serving.knative.dev/service,!"+barrier)
	if err != nil {
		return err
	}
	err = each(all, func(one object) error {
		return s.delete(routes.in(text(one, "metadata", "namespace"), text(one, "metadata", "name")))
	})
	if err != nil {
		return err
	}
	return until(patience, func() (string, error) {
		all, err := s.list(routes, namespaces(), "")
		if err != nil || len(all) > s.kept() {
			return fmt.Sprintf("of %d Routes %d are to stay", len(all), s.kept()), err
		}
		s.seen = map[string]string{}
		for _, one := range all {
			s.seen[id(one)] = text(one, "metadata", "uid")
		}
		return s.orphan()
	})
}

// orphan names a child of a Route that is gone, "" if there is none.
func (s *stage) orphan() (string, error) {
	living := slices.Collect(maps.Values(s.seen))
	for _, k := range []kind{kingresses, coreServices} {
		children, err := s.list(k, namespaces(), "?labelSelector=serving.knative.dev/route")
		if err != nil {
			return "", err
		}
		for _, child := range children {
			if !slices.Contains(living, owner(child)) {
				return k.name + " " + id(child) + " outlives its Route", nil
			}
		}
	}
	return "", nil
}

// kept is how many Routes stay: the canary and those of Knative Services.
func (s *stage) kept() int {
	kept := 1
	for _, r := range s.routes {
		if r.owned {
			kept++
		}
	}
	return kept
}

// makeRoute makes a Route, or has Serving make that of a Knative Service again.
func (s *stage) makeRoute(r route) error {
	if r.owned {
		return s.delete(routes.in(r.namespace, r.name))
	}
	return s.create(routes.in(r.namespace), r.object())
}

// steady waits until nothing has changed for some seconds, and returns what there is then.
func (s *stage) steady() (*scene, error) {
	last, err := s.look()
	if err != nil {
		return nil, err
	}
	err = until(patience, func() (string, error) {
		time.Sleep(3 * time.Second)
		next, err := s.look()
		if err != nil {
			return "", err
		}
		changed := last.changed(next)
		last = next
		return changed, nil
	})
	return last, err
}
