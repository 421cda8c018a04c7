package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

func receive(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || status < 200 || status > 599 {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fmt.Println("not received in full:", err)
		return
	}
	var headers []header
	for name, values := range r.Header {
		if !strings.HasPrefix(name, "Ce-") && name != "Content-Type" {
			continue
		}
		for _, value := range values {
			headers = append(headers, header{name, value})
		}
	}
	fmt.Println(line(r.Host, r.URL.Path, headers, body))
	w.WriteHeader(status)
}
