package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// dump plays every combination and writes down what there is then, in a folder of its own:
//
//	objects/objects.yaml    all that decides
//	kingress/kingress.yaml  what Serving has made of it
//	without.txt             the Routes without a KIngress, and why
func dump(s *stage, directory string, wanted func(string) bool) error {
	if err := s.prepare(); err != nil {
		return err
	}
	for _, c := range combinations {
		if !wanted(c.name) {
			continue
		}
		started := time.Now()
		now, err := s.play(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		decides, err := s.decisive()
		if err != nil {
			return err
		}
		without, err := now.write(filepath.Join(directory, c.name), decides)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d Routes, %d without a KIngress, in %d s\n", c.name, len(now.routes), without, int(time.Since(started).Seconds()))
	}
	return nil
}

// decisive are all objects that decide about KIngresses.
func (s *stage) decisive() ([]object, error) {
	configs, err := s.list(configMaps, []string{system}, "")
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(configs, func(one object) bool {
		return !slices.Contains([]string{"config-domain", "config-features", "config-network"}, text(one, "metadata", "name"))
	})
	for _, k := range []kind{services, configurations, revisions, routes, coreServices} {
		some, err := s.list(k, namespaces(), "")
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// write returns how many Routes have no KIngress.
func (n *scene) write(directory string, decides []object) (int, error) {
	var made []object
	var without []string
	for _, one := range n.routes {
		if k := n.kingressOf(one); k != nil {
			made = append(made, k)
		} else {
			without = append(without, fmt.Sprintf("%s: %s\n", id(one), strings.ReplaceAll(n.reason(one), "\n", " ")))
		}
	}
	if err := writeObjects(filepath.Join(directory, "objects", "objects.yaml"), decides); err != nil {
		return 0, err
	}
	if err := writeObjects(filepath.Join(directory, "kingress", "kingress.yaml"), made); err != nil {
		return 0, err
	}
	return len(without), os.WriteFile(filepath.Join(directory, "without.txt"), []byte(strings.Join(without, "")), 0o644)
}
