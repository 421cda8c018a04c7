package main

// field is what an object has at a path, nil if there is nothing.
func field(o any, path ...string) any {
	for _, key := range path {
		inner, ok := o.(object)
		if !ok {
			return nil
		}
		o = inner[key]
	}
	return o
}

// items is the list an object has at a path.
func items(o any, path ...string) []any {
	all, _ := field(o, path...).([]any)
	return all
}

// text is the string an object has at a path.
func text(o any, path ...string) string {
	s, _ := field(o, path...).(string)
	return s
}

// number is the number an object has at a path.
func number(o any, path ...string) float64 {
	n, _ := field(o, path...).(float64)
	return n
}

// id names an object among those of its kind.
func id(o object) string {
	return text(o, "metadata", "namespace") + "/" + text(o, "metadata", "name")
}

// owner is the UID of the object that controls this one.
func owner(o object) string {
	for _, reference := range items(o, "metadata", "ownerReferences") {
		if field(reference, "controller") == true {
			return text(reference, "uid")
		}
	}
	return ""
}

// condition is one of the status's conditions.
func condition(o object, name string) object {
	for _, one := range items(o, "status", "conditions") {
		if text(one, "type") == name {
			return one.(object)
		}
	}
	return nil
}

// isA is whether an object is of a kind.
func isA(o object, k kind) bool {
	return text(o, "kind") == k.name && text(o, "apiVersion") == k.apiVersion
}

func byID(all []object) map[string]object {
	found := make(map[string]object, len(all))
	for _, one := range all {
		found[id(one)] = one
	}
	return found
}
