// Command seen is a backend on Go's net/http that tells every request it was sent.
//
// It prints where it listens on standard output and a line of JSON for every request on standard
// error. What net/http refuses before a handler sees it is told as well, by its answer.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
)

// report is what one request was.
type report struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Target string `json:"target"`
	Host   string `json:"host"`
	Marker string `json:"marker"`
	// Connection is the header of that name.
	Connection string `json:"connection"`
	Length     int64  `json:"length"`
	// Status is 200 for a whole request, 400 for one that was broken off or refused.
	Status int `json:"status"`
}

// lines keeps reports from running into each other.
var lines sync.Mutex

func (r report) tell() {
	lines.Lock()
	defer lines.Unlock()
	if err := json.NewEncoder(os.Stderr).Encode(r); err != nil {
		os.Exit(1)
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening go %s\n", listener.Addr())
	server := http.Server{Handler: http.HandlerFunc(answer), ErrorLog: log.New(io.Discard, "", 0)}
	log.Fatal(server.Serve(watcher{listener}))
}

func answer(w http.ResponseWriter, r *http.Request) {
	length, err := io.Copy(io.Discard, r.Body)
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
	}
	marker := r.Header.Get("X-Marker")
	report{
		ID:         r.Header.Get("X-Request-Id"),
		Method:     r.Method,
		Target:     r.RequestURI,
		Host:       r.Host,
		Marker:     marker,
		Connection: r.Header.Get("Connection"),
		Length:     length,
		Status:     status,
	}.tell()
	fmt.Fprintf(w, "saw %s\n", marker)
}

// watcher gives out connections that tell of refusals.
type watcher struct{ net.Listener }

func (l watcher) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return watched{conn}, err
}

type watched struct{ net.Conn }

// Write looks at the status of an answer: the handler's is always 200.
func (c watched) Write(answer []byte) (int, error) {
	if bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) || bytes.HasPrefix(answer, []byte("HTTP/1.1 5")) {
		report{Status: http.StatusBadRequest}.tell()
	}
	return c.Conn.Write(answer)
}
