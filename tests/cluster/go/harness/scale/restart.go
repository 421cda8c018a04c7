package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// restartAll kills every replica, and waits until those that kubelet starts in their place serve. Times count
// from the kill. The first answer must be right, for nothing is served before everything is known.
func restartAll(s settings, r *report) error {
	if !s.restart {
		return nil
	}
	replicas, err := processes()
	if err != nil {
		return err
	}
	start := time.Now()
	for _, process := range replicas {
		if err := kill(process); err != nil {
			return err
		}
	}
	for _, gateway := range s.gateways {
		if err := untilServing(s, gateway); err != nil {
			return err
		}
	}
	r.duration("kill to the first answer", time.Since(start), s.bounds.restart)
	wrong := 0
	for _, gateway := range s.gateways {
		for i := range s.kingresses {
			if body, err := ask(s, gateway, i); err != nil || !strings.Contains(body, anyRevision(i)) {
				wrong++
			}
		}
	}
	r.none("wrong answers after the restart", wrong)
	return memory(s, r)
}

// kill ends a process and waits until it is gone.
func kill(process string) error {
	pid, err := strconv.Atoi(filepath.Base(process))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return retry(10*time.Second, func() error {
		if _, err := os.Stat(process); err == nil {
			return fmt.Errorf("%s is still there", process)
		}
		return nil
	})
}

// untilServing asks for one KIngress until something answers.
func untilServing(s settings, gateway string) error {
	end := time.Now().Add(time.Minute)
	for {
		body, err := ask(s, gateway, s.kingresses-1)
		if err == nil {
			if !strings.Contains(body, anyRevision(s.kingresses-1)) {
				return fmt.Errorf("the first answer of %s is of another KIngress: %s", gateway, body)
			}
			return nil
		}
		if !isUnreachable(err) || time.Now().After(end) {
			return fmt.Errorf("%s does not serve after its restart: %w", gateway, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// isUnreachable is whether nothing has answered.
func isUnreachable(err error) bool {
	var status *statusError
	return !errors.As(err, &status)
}
