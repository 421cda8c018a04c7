package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The gateway's processes are found by name: they are in pods of this very machine.
const program = "net-pingora"

// ticks of the processor's clock in a second, which Linux shows to programs as 100 everywhere.
const ticks = 100

func memory(s settings, r *report) error {
	replicas, err := processes()
	if err != nil {
		return err
	}
	for n, process := range replicas {
		steady, err := status(process, "VmRSS")
		if err != nil {
			return err
		}
		peak, err := status(process, "VmHWM")
		if err != nil {
			return err
		}
		r.number(fmt.Sprintf("memory of replica %d", n+1), steady, s.bounds.steadyMemory, "MB")
		r.number(fmt.Sprintf("memory of replica %d at its peak", n+1), peak, s.bounds.peakMemory, "MB")
	}
	return nil
}

func watchIdle(s settings, r *report) error {
	if s.idle == 0 {
		return nil
	}
	// What the changes left to do is no idling.
	time.Sleep(10 * time.Second)
	replicas, err := processes()
	if err != nil {
		return err
	}
	var before []float64
	for _, process := range replicas {
		used, err := cpuSeconds(process)
		if err != nil {
			return err
		}
		before = append(before, used)
	}
	time.Sleep(s.idle)
	for n, process := range replicas {
		used, err := cpuSeconds(process)
		if err != nil {
			return err
		}
		r.number(fmt.Sprintf("processor that replica %d takes in %v of rest", n+1, s.idle), 100*(used-before[n])/s.idle.Seconds(), s.bounds.idleCore, "% of a core")
	}
	return nil
}

// processes are the directories in /proc of all replicas.
func processes() ([]string, error) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err == nil && strings.TrimSpace(string(comm)) == program {
			found = append(found, filepath.Dir(name))
		}
	}
	if found == nil {
		return nil, errors.New("no process " + program)
	}
	return found, nil
}

// status is a field of /proc/PID/status that is in kB there, in MB.
func status(process, field string) (float64, error) {
	content, err := os.ReadFile(process + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			kilobytes, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kilobytes * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("no %s in %s/status", field, process)
}

func cpuSeconds(process string) (float64, error) {
	content, err := os.ReadFile(process + "/stat")
	if err != nil {
		return 0, err
	}
	// The second field is the name, which may have spaces; the 14th and 15th are user and system time.
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticks, err
}
