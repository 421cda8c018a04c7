package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
)

// compile returns the KIngresses that net-pingora makes of a folder of objects. Faults of single objects are no error:
// those have no KIngress then.
func (c *comparison) compile(folder string) ([]object, error) {
	var output, faults bytes.Buffer
	command := exec.Command(c.program, "compile", "--from", folder, "--output", "kingress")
	command.Stdout, command.Stderr = &output, &faults
	err := command.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == 1 && output.Len() > 0 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", command.Args, err, faults.Bytes())
	}
	all, err := parseObjects(output.Bytes())
	if err != nil {
		return nil, fmt.Errorf("what %v prints: %w", command.Args, err)
	}
	return all, nil
}
