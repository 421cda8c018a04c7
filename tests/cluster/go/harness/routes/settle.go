package main

import "fmt"

// settle waits until Serving has made what it makes of every Route: a KIngress, or nothing and a reason for that.
func (s *stage) settle() error {
	return until(patience, func() (string, error) {
		now, err := s.look()
		if err != nil {
			return "", err
		}
		found := byID(now.routes)
		pending, example := 0, ""
		for _, r := range s.routes {
			if left := now.pending(found[r.id()], s.seen[r.id()], r.id() == s.routes[0].id()); left != "" {
				pending, example = pending+1, r.id()+" "+left
			}
		}
		if pending == 0 {
			return "", nil
		}
		return fmt.Sprintf("%d Routes are not settled, as %s", pending, example), nil
	})
}

// pending says what is missing of a Route, "" if nothing is. It may not be the one that had the UID old.
func (n *scene) pending(one object, old string, kept bool) string {
	switch {
	case one == nil:
		return "is not there"
	case !kept && text(one, "metadata", "uid") == old:
		return "is the old one"
	case number(one, "status", "observedGeneration") != number(one, "metadata", "generation"):
		return "was not looked at"
	case n.kingressOf(one) == nil && n.reason(one) == "":
		return "has no KIngress and no reason"
	}
	return ""
}

// kingressOf is the KIngress that a Route owns.
func (n *scene) kingressOf(one object) object {
	if k := n.owned[id(one)]; owner(k) == text(one, "metadata", "uid") {
		return k
	}
	return nil
}

// reason is why Serving has made no KIngress of a Route, "" if it does not say.
func (n *scene) reason(one object) string {
	assigned := condition(one, "AllTrafficAssigned")
	// The reason Unknown is that of an error which may pass.
	if reason := text(assigned, "reason"); text(assigned, "status") != "True" && reason != "" && reason != "Unknown" {
		return reason + ": " + text(assigned, "message")
	}
	return n.errors[text(one, "metadata", "uid")]
}
