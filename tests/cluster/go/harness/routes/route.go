package main

// route is a Route to make, or a Knative Service to make one.
type route struct {
	namespace, name     string
	labels, annotations map[string]string
	traffic             []target
	// hidden are the tags, "" for the Route itself, whose placeholder Services are labelled by hand.
	hidden []string
	// owned is whether a Knative Service of the same name has it.
	owned bool
	// length is what its name is filled up to, if it has to be long.
	length int
}

// target is an entry of a Route's traffic.
type target struct {
	revision, configuration, tag string
	percent                      int
	// bare is without the fields that Serving's webhook fills in.
	bare bool
}

func (r *route) id() string {
	return r.namespace + "/" + r.name
}

func (r *route) metadata() object {
	return object{"name": r.name, "namespace": r.namespace, "labels": r.labels, "annotations": r.annotations}
}

// targets is what goes into spec.traffic.
func (r *route) targets() []object {
	var all []object
	for _, t := range r.traffic {
		one := object{}
		if t.tag != "" {
			one["tag"] = t.tag
		}
		if t.revision != "" {
			one["revisionName"] = t.revision
		} else if !r.owned {
			one["configurationName"] = t.configuration
		}
		// A Knative Service's own Configuration has to be named in one way or another.
		if !t.bare {
			one["latestRevision"] = t.revision == ""
		}
		if !t.bare || t.percent > 0 {
			one["percent"] = t.percent
		}
		all = append(all, one)
	}
	return all
}

func (r *route) object() object {
	return object{"apiVersion": routes.apiVersion, "kind": routes.name, "metadata": r.metadata(), "spec": object{"traffic": r.targets()}}
}
