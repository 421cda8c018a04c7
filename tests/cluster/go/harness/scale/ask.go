package main

import (
	"fmt"
	"io"
	"net/http"
)

// statusError is an answer that is not 200.
type statusError struct {
	gateway, host, status string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers %s for %s", e.gateway, e.status, e.host)
}

// ask returns the backend's answer for a KIngress's public host.
func ask(s settings, gateway string, i int) (string, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+gateway+"/", nil)
	if err != nil {
		return "", err
	}
	request.Host = host(s, i)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", &statusError{gateway, request.Host, response.Status}
	}
	return string(body), nil
}
