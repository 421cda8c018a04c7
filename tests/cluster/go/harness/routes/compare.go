package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// compiler is net-pingora, and what is shown of what it does otherwise than Serving.
type compiler struct {
	program string
	routes  int // of each combination
	fields  int // of each Route
	room    int // for so many Routes more
}

// totals count the Routes of all combinations.
type totals struct {
	combinations, routes, equal, neither, different int
}

// compareAll compares what is in the folders of a directory.
func (c *compiler) compareAll(directory string, wanted func(string) bool) error {
	found, err := filepath.Glob(filepath.Join(directory, "*", "objects"))
	if err != nil {
		return err
	}
	var all totals
	for _, folder := range found {
		folder = filepath.Dir(folder)
		if !wanted(filepath.Base(folder)) {
			continue
		}
		if err := c.compareOne(folder, &all); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	fmt.Printf("%d Routes under %d combinations: %d equal, %d without a KIngress on both sides, %d different\n",
		all.routes, all.combinations, all.equal, all.neither, all.different)
	switch {
	case all.routes == 0:
		return fmt.Errorf("no Route to compare in %s", directory)
	case all.different > 0:
		return fmt.Errorf("%d Routes are compiled otherwise than Serving does", all.different)
	}
	return nil
}

func (c *compiler) compareOne(folder string, all *totals) error {
	objects, err := readFolder(filepath.Join(folder, "objects"))
	if err != nil {
		return err
	}
	made, err := readFolder(filepath.Join(folder, "kingress"))
	if err != nil {
		return err
	}
	compiled, err := c.compile(filepath.Join(folder, "objects"))
	if err != nil {
		return err
	}
	reasons, err := readReasons(filepath.Join(folder, "without.txt"))
	if err != nil {
		return err
	}
	c.room = c.routes
	one := count(routesAmong(objects), byID(made), byID(compiled), func(route string, found []difference) {
		c.show(route, reasons[route], found)
	})
	fmt.Printf("%s: %d Routes, %d equal, %d without a KIngress on both sides, %d different\n",
		filepath.Base(folder), one.routes, one.equal, one.neither, one.different)
	all.combinations++
	all.routes += one.routes
	all.equal += one.equal
	all.neither += one.neither
	all.different += one.different
	return nil
}

// show prints the first differences of a Route, as long as there is room for the Route.
func (c *compiler) show(route, reason string, found []difference) {
	if c.room--; c.room < 0 {
		return
	}
	fmt.Println("  Route " + route)
	if reason != "" {
		fmt.Println("    Serving says " + reason)
	}
	for i, one := range found {
		if i == c.fields {
			fmt.Printf("    and %d more\n", len(found)-i)
			break
		}
		fmt.Println("    " + one.String())
	}
}

// count compares what there is of each Route, and tells of those that are different.
func count(routes []string, made, compiled map[string]object, tell func(route string, found []difference)) totals {
	var sum totals
	routes = slices.Clone(routes)
	// What nobody asked for is different from nothing.
	for name := range compiled {
		if !slices.Contains(routes, name) {
			routes = append(routes, name)
		}
	}
	slices.Sort(routes)
	for _, name := range routes {
		sum.routes++
		found := differences("spec", decided(made[name]), decided(compiled[name]))
		switch {
		case len(found) > 0:
			sum.different++
			tell(name, found)
		case made[name] == nil:
			sum.neither++
		default:
			sum.equal++
		}
	}
	return sum
}

func routesAmong(all []object) []string {
	var names []string
	for _, one := range all {
		if text(one, "kind") == routes.name && text(one, "apiVersion") == routes.apiVersion {
			names = append(names, id(one))
		}
	}
	return names
}

// readReasons reads what dump wrote of Routes without a KIngress.
func readReasons(file string) (map[string]string, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), ": ")
		reasons[name] = reason
	}
	return reasons, err
}
