package main

import (
	"fmt"
	"time"
)

// report counts the checks that hold and those that do not.
type report struct {
	held, failed int
}

func (r *report) check(holds bool, line string) {
	if holds {
		r.held++
	} else {
		r.failed++
		line += ", FAILED"
	}
	fmt.Println(line)
}

// duration has no bound if that is zero.
func (r *report) duration(what string, seen, bound time.Duration) {
	line := fmt.Sprintf("%s: %v", what, seen.Round(time.Millisecond))
	if bound == 0 {
		fmt.Println(line)
		return
	}
	r.check(seen <= bound, fmt.Sprintf("%s (at most %v)", line, bound))
}

// none is for what must not happen at all.
func (r *report) none(what string, seen int) {
	r.check(seen == 0, fmt.Sprintf("%s: %d (must be 0)", what, seen))
}

func (r *report) least(what string, seen, bound int) {
	r.check(seen >= bound, fmt.Sprintf("%s: %d (at least %d)", what, seen, bound))
}

func (r *report) close() error {
	fmt.Printf("%d passed, %d failed\n", r.held, r.failed)
	if r.failed > 0 {
		return fmt.Errorf("%d checks failed", r.failed)
	}
	return nil
}
