package main

// field is what an object has at a path, nil if there is nothing.
func field(o object, path ...string) any {
	var at any = o
	for _, key := range path {
		inner, ok := at.(object)
		if !ok {
			return nil
		}
		at = inner[key]
	}
	return at
}

// text is the string an object has at a path.
func text(o object, path ...string) string {
	s, _ := field(o, path...).(string)
	return s
}

// number is the number an object has at a path.
func number(o object, path ...string) float64 {
	n, _ := field(o, path...).(float64)
	return n
}

// id names an object among those of its kind.
func id(o object) string {
	return text(o, "metadata", "namespace") + "/" + text(o, "metadata", "name")
}

// owner is the UID of the object that controls this one.
func owner(o object) string {
	references, _ := field(o, "metadata", "ownerReferences").([]any)
	for _, reference := range references {
		if controls, _ := field(reference.(object), "controller").(bool); controls {
			return text(reference.(object), "uid")
		}
	}
	return ""
}

// condition is one of the status's conditions.
func condition(o object, name string) object {
	conditions, _ := field(o, "status", "conditions").([]any)
	for _, one := range conditions {
		if text(one.(object), "type") == name {
			return one.(object)
		}
	}
	return nil
}

func byID(all []object) map[string]object {
	found := make(map[string]object, len(all))
	for _, one := range all {
		found[id(one)] = one
	}
	return found
}
