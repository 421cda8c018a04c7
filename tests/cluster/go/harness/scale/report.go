package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// report counts the bounds that hold and those that do not.
type report struct {
	held, exceeded int
}

func (r *report) duration(what string, seen, bound time.Duration) {
	check(r, what, seen, bound, func(d time.Duration) string { return d.Round(100 * time.Microsecond).String() })
}

func (r *report) number(what string, seen, bound float64, unit string) {
	check(r, what, seen, bound, func(f float64) string { return fmt.Sprintf("%.2f %s", f, unit) })
}

func check[T cmp.Ordered](r *report, what string, seen, bound T, text func(T) string) {
	var none T
	switch {
	case bound == none:
		fmt.Printf("%s: %s\n", what, text(seen))
	case seen <= bound:
		r.held++
		fmt.Printf("%s: %s (at most %s)\n", what, text(seen), text(bound))
	default:
		r.exceeded++
		fmt.Printf("%s: %s, MORE THAN %s\n", what, text(seen), text(bound))
	}
}

// none is for what must not happen at all.
func (r *report) none(what string, seen int) {
	if seen == 0 {
		r.held++
	} else {
		r.exceeded++
	}
	fmt.Printf("%s: %d (must be 0)\n", what, seen)
}

func (r *report) close() error {
	fmt.Printf("%d passed, %d failed\n", r.held, r.exceeded)
	if r.exceeded > 0 {
		return fmt.Errorf("%d bounds exceeded", r.exceeded)
	}
	return nil
}

// quantile of what was seen, at most all of it.
func quantile(seen []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(seen))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}
