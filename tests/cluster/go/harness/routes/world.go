package main

import (
	"fmt"
	"time"
)

// patience is for whatever is waited for: there may be other work for the machine.
const patience = 5 * time.Minute

// world is what the Routes of a namespace may name.
type world struct {
	namespace string
	// ready are Revisions that are.
	ready []string
	// followed are Configurations with a ready Revision.
	followed []string
}

// The last label of a host may not be a number, and this namespace is the last label of some.
const digits = "2024"

var worlds = []world{
	{"routes-a", []string{"blue-00001", "blue-00002", "blue-00003", "green-first", "green-second", "broken-00001", "stuck-00001"},
		[]string{"blue", "green", "broken", "stuck"}},
	{"routes-b", []string{"blue-00001", "blue-00002", "green-first", "green-second"}, []string{"blue", "green"}},
	{digits, []string{"blue-00001", "blue-00002"}, []string{"blue"}},
}

func namespaces() []string {
	var all []string
	for _, w := range worlds {
		all = append(all, w.namespace)
	}
	return all
}

// outcome is what becomes of a Revision.
type outcome int

const (
	ready   outcome = iota
	failed          // its image cannot be found
	waiting         // its pod is never ready
)

// configuration is a Configuration to make, its Revisions one after the other.
type configuration struct {
	namespace, name string
	h2c             bool
	revisions       []revision
}

type revision struct {
	name    string // of the Revision; left to Serving if empty
	outcome outcome
}

var shared = []configuration{
	{"routes-a", "blue", false, []revision{{}, {}, {}}},
	{"routes-a", "green", true, []revision{{name: "green-first"}, {name: "green-second"}}},
	{"routes-a", "broken", false, []revision{{}, {outcome: failed}}},
	{"routes-a", "stuck", false, []revision{{}, {outcome: waiting}}},
	{"routes-a", "never", false, []revision{{outcome: failed}}},
	{"routes-b", "blue", false, []revision{{}, {}}},
	{"routes-b", "green", true, []revision{{name: "green-first"}, {name: "green-second"}}},
	{digits, "blue", false, []revision{{}, {}}},
}

// template is that of a Configuration's nth Revision.
func (t revision) template(image string, h2c bool, n int) object {
	container := object{"image": image, "env": []object{{"name": "N", "value": fmt.Sprint(n)}}}
	if h2c {
		container["ports"] = []object{{"name": "h2c", "containerPort": 8080}}
	}
	annotations := object{"autoscaling.knative.dev/initial-scale": "0"}
	switch t.outcome {
	case failed:
		container["image"] = "registry.invalid/none:1"
	case waiting:
		annotations = object{"autoscaling.knative.dev/initial-scale": "1", "serving.knative.dev/progress-deadline": "7200s"}
	}
	metadata := object{"annotations": annotations}
	if t.name != "" {
		metadata["name"] = t.name
	}
	return object{"metadata": metadata, "spec": object{"containers": []object{container}}}
}

// makeWorlds makes the namespaces and all that Routes name in them.
func makeWorlds(client *api, image string) error {
	for _, w := range worlds {
		if err := client.create("/api/v1/namespaces", object{"metadata": object{"name": w.namespace}}); err != nil {
			return err
		}
	}
	return each(shared, func(c configuration) error { return c.make(client, image) })
}

func (c configuration) make(client *api, image string) error {
	path := configurations.in(c.namespace, c.name)
	for i, t := range c.revisions {
		spec := object{"template": t.template(image, c.h2c, i+1)}
		var err error
		if i == 0 {
			err = client.create(configurations.in(c.namespace), object{"apiVersion": configurations.apiVersion, "kind": configurations.name,
				"metadata": object{"name": c.name}, "spec": spec})
		} else {
			err = client.merge(path, object{"spec": spec})
		}
		if err != nil {
			return err
		}
		name := t.name
		if name == "" {
			name = fmt.Sprintf("%s-%05d", c.name, i+1)
		}
		if err := untilRevision(client, c.namespace, name, t.outcome); err != nil {
			return err
		}
		if t.outcome == ready {
			if err := untilLatest(client, c.namespace, c.name, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// untilRevision waits until a Revision has come to its outcome.
func untilRevision(client *api, namespace, name string, wanted outcome) error {
	status := map[outcome]string{ready: "True", failed: "False", waiting: "Unknown"}[wanted]
	return until(patience, func() (string, error) {
		all, err := client.list(revisions, []string{namespace}, "")
		one := byID(all)[namespace+"/"+name]
		seen := condition(one, "Ready")
		if text(seen, "status") == status && number(one, "status", "observedGeneration") == number(one, "metadata", "generation") {
			return "", err
		}
		return fmt.Sprintf("Revision %s/%s is to have Ready %s, has %v", namespace, name, status, seen), err
	})
}

// untilLatest waits until a Configuration follows a Revision.
func untilLatest(client *api, namespace, name, latest string) error {
	return until(patience, func() (string, error) {
		all, err := client.list(configurations, []string{namespace}, "")
		one := byID(all)[namespace+"/"+name]
		if text(one, "status", "latestReadyRevisionName") == latest {
			return "", err
		}
		return fmt.Sprintf("Configuration %s/%s is to follow %s, has status %v", namespace, name, latest, one["status"]), err
	})
}
