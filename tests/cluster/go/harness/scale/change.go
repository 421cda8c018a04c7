package main

import (
	"fmt"
	"strings"
	"time"
)

// answersAfterEffect is how often each gateway is asked again once all have shown a change.
const answersAfterEffect = 5

// changeSome makes single changes, each when the one before is Ready. Times count from the API server's answer.
func changeSome(client *api, s settings, r *report) error {
	if s.changes == 0 {
		return nil
	}
	var effects, readies []time.Duration
	stale := 0
	for change := range s.changes {
		i, version := change*37%s.kingresses, change+1
		generation, err := update(client, s, i, version)
		if err != nil {
			return err
		}
		start := time.Now()
		if err := untilEffect(s, i, version); err != nil {
			return err
		}
		effects = append(effects, time.Since(start))
		again, err := staleAnswers(s, i, version)
		if err != nil {
			return err
		}
		stale += again
		at, err := readiness.of(appName(i), generation, time.Minute)
		if err != nil {
			return err
		}
		readies = append(readies, max(0, at.Sub(start)))
	}
	r.duration("change to effect, median", quantile(effects, 0.5), s.bounds.effectMedian)
	r.duration("change to effect, 90 %", quantile(effects, 0.9), s.bounds.effect90)
	r.duration("change to effect, longest", quantile(effects, 1), 0)
	r.duration("change to Ready, median", quantile(readies, 0.5), 0)
	r.duration("change to Ready, 90 %", quantile(readies, 0.9), s.bounds.ready90)
	r.duration("change to Ready, longest", quantile(readies, 1), 0)
	r.none("old answers after the first new one", stale)
	return nil
}

// update changes what the KIngress appends to a request, and returns its new generation.
func update(client *api, s settings, i, version int) (int64, error) {
	path := ingresses(s.namespace) + "/" + appName(i)
	var current object
	if err := client.get(path, &current); err != nil {
		return 0, err
	}
	current["spec"] = kingress(s, i, version)["spec"]
	var changed ingress
	err := client.put(path, current, &changed)
	return changed.Metadata.Generation, err
}

// untilEffect asks every gateway until it shows the change.
func untilEffect(s settings, i, version int) error {
	end := time.Now().Add(time.Minute)
	for _, gateway := range s.gateways {
		for {
			new, err := isNew(s, gateway, i, version)
			if err != nil {
				return err
			}
			if new {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("change %d of KIngress %s has no effect at %s", version, appName(i), gateway)
			}
			time.Sleep(500 * time.Microsecond)
		}
	}
	return nil
}

func staleAnswers(s settings, i, version int) (int, error) {
	stale := 0
	for _, gateway := range s.gateways {
		for range answersAfterEffect {
			new, err := isNew(s, gateway, i, version)
			if err != nil {
				return stale, err
			}
			if !new {
				stale++
			}
		}
	}
	return stale, nil
}

func isNew(s settings, gateway string, i, version int) (bool, error) {
	body, err := ask(s, gateway, i)
	return strings.Contains(body, revision(i, version)), err
}
