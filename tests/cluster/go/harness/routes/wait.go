package main

import (
	"fmt"
	"sync"
	"time"
)

// each calls step for all, some at a time, and returns the first error.
func each[T any](all []T, step func(T) error) error {
	const workers = 8
	next, failed := make(chan T), make(chan error, len(all))
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for one := range next {
				if err := step(one); err != nil {
					failed <- err
				}
			}
		})
	}
	for _, one := range all {
		next <- one
	}
	close(next)
	group.Wait()
	close(failed)
	return <-failed
}

// until asks every other second until done says that nothing is left, and fails with what is left when patience is over.
func until(patience time.Duration, done func() (left string, err error)) error {
	end := time.Now().Add(patience)
	for {
		left, err := done()
		if err != nil || left == "" {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("gave up after %v: %s", patience, left)
		}
		time.Sleep(2 * time.Second)
	}
}
