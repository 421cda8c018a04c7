// Command events sends CloudEvents in binary content mode and receives them. Both sides print the same line for the same
// event, for their lines to be compared.
//
//	events            receives at PORT, as a Knative Service does; the path /202 is answered 202, without a body
//	events send HOST  sends some to HOST, all at once; fails unless each is answered as its path asks
package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 1:
		err = http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(receive))
	case len(os.Args) == 3 && os.Args[1] == "send":
		err = sendAll(os.Args[2])
	default:
		err = fmt.Errorf("usage: events [send HOST]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "events:", err)
		os.Exit(1)
	}
}

// header is a line of a request's head.
type header struct{ name, value string }

// line is all that has to be the same on both sides: values byte for byte, and in the order they came; names in lower
// case, for Go's queue-proxy rewrites them.
func line(host, path string, headers []header, body []byte) string {
	var lines []string
	for _, h := range headers {
		lines = append(lines, strings.ToLower(h.name)+": "+h.value)
	}
	sort.SliceStable(lines, func(i, j int) bool {
		return name(lines[i]) < name(lines[j])
	})
	return fmt.Sprintf("%s%s %d headers %q %d bytes %x", host, path, len(lines), lines, len(body), sha256.Sum256(body))
}

func name(line string) string {
	before, _, _ := strings.Cut(line, ":")
	return before
}
