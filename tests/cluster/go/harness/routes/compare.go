package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// comparison is of what net-pingora makes of a dump with what Serving made.
type comparison struct {
	program string
	// routes are to be shown of each combination that are different, and of each so many fields.
	routes, fields int
}

// totals count Routes.
type totals struct {
	equal, neither, different int
}

func (t *totals) add(more totals) {
	t.equal += more.equal
	t.neither += more.neither
	t.different += more.different
}

func (t *totals) String() string {
	return fmt.Sprintf("%d Routes: %d equal, %d without a KIngress on both sides, %d different",
		t.equal+t.neither+t.different, t.equal, t.neither, t.different)
}

// all compares what is in the folders of a directory.
func (c *comparison) all(directory string, wanted func(string) bool) error {
	found, err := filepath.Glob(filepath.Join(directory, "*", "objects"))
	if err != nil {
		return err
	}
	var sum totals
	combinations := 0
	for _, folder := range found {
		folder = filepath.Dir(folder)
		name := filepath.Base(folder)
		if !wanted(name) {
			continue
		}
		one, err := c.one(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: %v\n", name, &one)
		sum.add(one)
		combinations++
	}
	fmt.Printf("%d combinations, %v\n", combinations, &sum)
	switch {
	case sum == totals{}:
		return fmt.Errorf("no Route to compare in %s", directory)
	case sum.different > 0:
		return fmt.Errorf("%d Routes are compiled otherwise than by Serving", sum.different)
	}
	return nil
}

// one compares what is in the folder of a combination.
func (c *comparison) one(folder string) (totals, error) {
	objects, err := readFolder(filepath.Join(folder, "objects"))
	if err != nil {
		return totals{}, err
	}
	made, err := readFolder(filepath.Join(folder, "kingress"))
	if err != nil {
		return totals{}, err
	}
	compiled, err := c.compile(filepath.Join(folder, "objects"))
	if err != nil {
		return totals{}, err
	}
	reasons, err := readReasons(filepath.Join(folder, "without.txt"))
	if err != nil {
		return totals{}, err
	}
	found := compare(objects, byID(made), byID(compiled))
	for i, name := range slices.Sorted(maps.Keys(found.different)) {
		if i < c.routes {
			c.show(name, reasons[name], found.different[name])
		}
	}
	return totals{found.equal, found.neither, len(found.different)}, nil
}

// findings are of the Routes of a combination.
type findings struct {
	equal, neither int
	different      map[string][]difference
}

// compare goes through the Routes, and through KIngresses of no Route at all.
func compare(objects []object, made, compiled map[string]object) findings {
	names := map[string]bool{}
	for _, one := range objects {
		if isA(one, routes) {
			names[id(one)] = true
		}
	}
	for name := range compiled {
		names[name] = true
	}
	found := findings{different: map[string][]difference{}}
	for name := range names {
		different := differences("spec", decided(made[name]), decided(compiled[name]))
		switch {
		case len(different) > 0:
			found.different[name] = different
		case made[name] == nil:
			found.neither++
		default:
			found.equal++
		}
	}
	return found
}

// show prints the first differences of a Route.
func (c *comparison) show(route, reason string, found []difference) {
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
