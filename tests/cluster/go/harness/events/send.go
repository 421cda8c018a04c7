package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"time"
)

type event struct {
	status  int
	chunked bool
	headers []header
	body    []byte
}

// samples have values that HTTP allows and few senders use.
func samples() []event {
	return []event{
		{status: 202, headers: odd("1", "application/json"), body: []byte(`{"of": "any shape"}`)},
		{status: 204, headers: odd("2", "application/json; charset=utf-8"), body: nil},
		{status: 202, headers: odd("3", "application/octet-stream"), body: bytes.Repeat([]byte("\x00\r\n\xff"), 1<<18), chunked: true},
		{status: 204, headers: odd("4", ""), body: []byte("0\r\n\r\n")},
	}
}

func odd(id, contentType string) []header {
	return []header{
		{"ce-id", id},
		{"CE-SPECVERSION", "1.0"},
		{"Ce-Type", "com.example.odd"},
		{"Ce-Source", "/percent/%20%E2%82%AC%22%25?a=b&c=d#e"},
		{"Ce-Subject", "two  spaces, a\ttab, \"quotes\", a \\ and = ; ,"},
		{"Ce-Utf", "Grüße, €, \U0001F98A"},
		{"Ce-Latin", "Gr\xfc\xdfe"},
		{"Ce-Empty", ""},
		{"Ce-Twice", "first"},
		{"Ce-Long", strings.Repeat("0123456789abcdef", 500)},
		{"Ce-Twice", "second, and third"},
		{"Ce-Time", "2026-01-02T03:04:05.678901234Z"},
		{"Content-Type", contentType},
	}
}

// sendAll sends each sample on a connection of its own.
func sendAll(host string) error {
	events := samples()
	outcomes := make(chan error)
	for _, e := range events {
		fmt.Println(line(host, e.path(), e.headers, e.body))
		go func() { outcomes <- e.send(host) }()
	}
	var all error
	for range events {
		all = errors.Join(all, <-outcomes)
	}
	return all
}

// send writes the request by itself: a client of Go's would rewrite its names.
func (e event) send(host string) error {
	connection, err := net.Dial("tcp", host+":80")
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := connection.Write(e.request(host)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: http.MethodPost})
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != e.status || len(body) != 0) {
		err = fmt.Errorf("%s was answered %s with %q", e.path(), answer.Status, body)
	}
	return err
}

func (e event) path() string {
	return fmt.Sprintf("/%d", e.status)
}

func (e event) request(host string) []byte {
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: %s\r\n", e.path(), host)
	for _, h := range e.headers {
		fmt.Fprintf(&request, "%s: %s\r\n", h.name, h.value)
	}
	if !e.chunked {
		fmt.Fprintf(&request, "Content-Length: %d\r\n\r\n%s", len(e.body), e.body)
		return request.Bytes()
	}
	request.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	chunks := httputil.NewChunkedWriter(&request)
	for part := range slices.Chunk(e.body, 4000) {
		chunks.Write(part)
	}
	chunks.Close()
	request.WriteString("\r\n")
	return request.Bytes()
}
