package main

import "slices"

// prune keeps of an object what can decide about the rules of a KIngress.
func prune(one object) object {
	metadata := only(one["metadata"], "name", "namespace", "generation", "labels")
	kept := object{"apiVersion": one["apiVersion"], "kind": one["kind"], "metadata": metadata}
	switch {
	case isA(one, configMaps):
		kept["metadata"] = only(one["metadata"], "name", "namespace")
		kept["data"] = without(one["data"], "_example")
	case isA(one, kingresses):
		kept["metadata"] = only(metadata, "name", "namespace")
		kept["spec"] = only(one["spec"], "rules", "httpOption")
	case isA(one, coreServices):
		kept["metadata"] = only(one["metadata"], "name", "namespace", "labels", "ownerReferences")
		kept["spec"] = only(one["spec"], "type", "externalName", "ports")
	case isA(one, routes):
		metadata = only(one["metadata"], "name", "namespace", "generation", "labels", "annotations", "ownerReferences", "uid")
		kept["metadata"] = metadata
		metadata["annotations"] = without(metadata["annotations"], "serving.knative.dev/creator", "serving.knative.dev/lastModifier")
		kept["spec"] = one["spec"]
	case isA(one, services), isA(one, configurations):
		spec := only(one["spec"], "traffic")
		spec["template"] = object{"spec": containers(field(one, "spec", "template", "spec"))}
		kept["spec"], kept["status"] = spec, readiness(one)
	case isA(one, revisions):
		kept["spec"], kept["status"] = containers(one["spec"]), readiness(one)
	}
	return kept
}

// containers keeps what tells the protocol.
func containers(spec any) object {
	var kept []any
	for _, one := range items(spec, "containers") {
		kept = append(kept, only(one, "name", "image", "ports"))
	}
	return object{"containers": kept}
}

// readiness keeps of a status whether and what is ready.
func readiness(one object) object {
	kept := only(one["status"], "observedGeneration", "latestReadyRevisionName", "latestCreatedRevisionName")
	if ready := condition(one, "Ready"); ready != nil {
		kept["conditions"] = []any{only(ready, "type", "status", "reason")}
	}
	return kept
}

// only keeps some fields of an object, those it has.
func only(from any, keys ...string) object {
	kept := object{}
	for _, key := range keys {
		if value := field(from, key); value != nil {
			kept[key] = value
		}
	}
	return kept
}

// without leaves out some fields of an object.
func without(from any, keys ...string) object {
	kept := object{}
	all, _ := from.(object)
	for key, value := range all {
		if !slices.Contains(keys, key) {
			kept[key] = value
		}
	}
	return kept
}
