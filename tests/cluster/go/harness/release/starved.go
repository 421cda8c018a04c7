package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// starved is for how long the threads of a process have waited for a processor, all together: the second figure of
// each thread's schedstat.
func starved(process int) time.Duration {
	var all time.Duration
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", process))
	for _, thread := range threads {
		content, err := os.ReadFile(thread)
		if words := strings.Fields(string(content)); err == nil && len(words) == 3 {
			waited, _ := strconv.ParseInt(words[1], 10, 64)
			all += time.Duration(waited)
		}
	}
	return all
}
