package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// routes are the KIngresses: app-0 and so on, each with a version in a header that it appends to requests, which
// the backend shows in its answer.
type routes struct {
	*api
	settings
	newest     []int
	lastChange time.Time
}

// kingress is what matters of one.
type kingress struct {
	Metadata struct {
		Name, ResourceVersion string
		Generation            int64
	}
	Spec   json.RawMessage
	Status struct {
		ObservedGeneration int64
		Conditions         json.RawMessage
	}
}

var versionPattern = regexp.MustCompile(`app-\d+-version-(\d+)\.`)

// replicaClient keeps its connections; the gateway is not expected to take this long for an answer.
var replicaClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}

func (k *kingress) ready() string {
	var conditions []struct{ Type, Status string }
	if k.Status.Conditions != nil && json.Unmarshal(k.Status.Conditions, &conditions) == nil {
		for _, condition := range conditions {
			if condition.Type == "Ready" {
				return condition.Status
			}
		}
	}
	return "Unknown"
}

// isReady says whether this generation is.
func (k *kingress) isReady() bool {
	return k.Status.ObservedGeneration == k.Metadata.Generation && k.ready() == "True"
}

func (r *routes) path() string {
	return "/apis/networking.internal.knative.dev/v1alpha1/namespaces/" + r.namespace + "/ingresses"
}

func (r *routes) list() ([]kingress, error) {
	var list struct{ Items []kingress }
	err := r.get(r.path(), &list)
	return list.Items, err
}

// change gives a KIngress its next version.
func (r *routes) change(i int) error {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value string `json:"value"`
	}
	var operations []operation
	for rule := range 2 {
		operations = append(operations, operation{"replace",
			fmt.Sprintf("/spec/rules/%d/http/paths/0/splits/0/appendHeaders/Knative-Serving-Revision", rule),
			fmt.Sprintf("app-%d-version-%d.", i, r.newest[i]+1)})
	}
	if err := r.patch(fmt.Sprintf("%s/app-%d", r.path(), i), operations); err != nil {
		return err
	}
	r.newest[i]++
	r.lastChange = time.Now()
	return nil
}

// changeUntil changes one KIngress after the other until that is over and there were enough changes.
func (r *routes) changeUntil(over <-chan struct{}) int {
	made := 0
	for r.changes > 0 {
		if err := r.change(made % r.kingresses); err != nil {
			fmt.Println("a change:", err)
			return made
		}
		made++
		select {
		case <-over:
			if made >= r.changes {
				return made
			}
			time.Sleep(r.every)
		case <-time.After(r.every):
		}
	}
	return made
}

// ask returns the version of a KIngress that a replica shows.
func (r *routes) ask(replica string, i int) (int, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+replica+":8080/", nil)
	if err != nil {
		return 0, err
	}
	request.Host = fmt.Sprintf("app-%d.%s.example.com", i, r.namespace)
	response, err := replicaClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s answers %s: %s", replica, response.Status, body)
	}
	return version(body)
}

func version(text []byte) (int, error) {
	match := versionPattern.FindSubmatch(text)
	if match == nil {
		return 0, errors.New("no version in " + string(text))
	}
	return strconv.Atoi(string(match[1]))
}

// untilEffect asks all ready replicas until each shows the newest version of every KIngress.
func (r *routes) untilEffect(limit time.Duration) error {
	replicas, err := r.readyReplicas()
	if err != nil {
		return err
	}
	end := time.Now().Add(limit)
	outcomes := make(chan error)
	for _, replica := range replicas {
		go func() { outcomes <- r.untilNewest(replica, end) }()
	}
	for range replicas {
		err = errors.Join(err, <-outcomes)
	}
	return err
}

func (r *routes) untilNewest(replica string, end time.Time) error {
	for i := range r.kingresses {
		for {
			seen, err := r.ask(replica, i)
			if err == nil && seen >= r.newest[i] {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("%s shows version %d of app-%d, not %d (%v)", replica, seen, i, r.newest[i], err)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return nil
}

func (r *routes) untilReady(limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		list, err := r.list()
		if err != nil {
			return err
		}
		missing := ""
		for _, one := range list {
			if !one.isReady() {
				missing = fmt.Sprintf("%s: %s", one.Metadata.Name, one.Status.Conditions)
			}
		}
		if missing == "" {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("not Ready: " + missing)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
