package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// decided is what is compared of a KIngress, as it is after Kubernetes has filled in what is left out.
func decided(kingress object) any {
	if kingress == nil {
		return nil
	}
	rules := items(kingress, "spec", "rules")
	for _, rule := range rules {
		fill(rule)
	}
	kept := object{"rules": rules}
	if option := text(kingress, "spec", "httpOption"); option != "" {
		kept["httpOption"] = option
	}
	return kept
}

// fill does what KIngress's defaulting does (networking/pkg/apis/networking/v1alpha1/ingress_defaults.go).
func fill(rule any) {
	if rule, ok := rule.(object); ok && text(rule, "visibility") == "" {
		rule["visibility"] = "ExternalIP"
	}
	for _, path := range items(rule, "http", "paths") {
		splits := items(path, "splits")
		if len(splits) == 1 && number(splits[0], "percent") == 0 {
			if only, ok := splits[0].(object); ok {
				only["percent"] = 100.0
			}
		}
	}
}

// difference is one field that is not the same on both sides.
type difference struct {
	field      string
	seen, ours any // nil where there is nothing
}

func (d difference) String() string {
	return fmt.Sprintf("%s: Serving has %s, compiled is %s", d.field, shown(d.seen), shown(d.ours))
}

// longest is how much of a value is shown.
const longest = 200

func shown(value any) string {
	if value == nil {
		return "nothing"
	}
	text, err := json.Marshal(value)
	if err != nil || len(text) > longest {
		return fmt.Sprintf("%.*s...", longest, text)
	}
	return string(text)
}

// differences goes down both sides as far as they have the same form.
func differences(field string, seen, ours any) []difference {
	if reflect.DeepEqual(seen, ours) {
		return nil
	}
	switch seen := seen.(type) {
	case object:
		if ours, ok := ours.(object); ok {
			var all []difference
			both := maps.Clone(seen)
			maps.Copy(both, ours)
			for _, key := range slices.Sorted(maps.Keys(both)) {
				all = append(all, differences(field+"."+key, seen[key], ours[key])...)
			}
			return all
		}
	case []any:
		if ours, ok := ours.([]any); ok {
			var all []difference
			for i := range max(len(seen), len(ours)) {
				all = append(all, differences(fmt.Sprintf("%s[%d]", field, i), at(seen, i), at(ours, i))...)
			}
			return all
		}
	}
	return []difference{{field, seen, ours}}
}

func at(all []any, i int) any {
	if i < len(all) {
		return all[i]
	}
	return nil
}
