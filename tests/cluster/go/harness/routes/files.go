package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeObjects writes one YAML document for each object.
func writeObjects(file string, all []object) error {
	return write(file, all, 0)
}

// writeCompact does so with whatever is short on one line.
func writeCompact(file string, all []object) error {
	return write(file, all, 300)
}

func write(file string, all []object, line int) error {
	var content bytes.Buffer
	encoder := yaml.NewEncoder(&content)
	encoder.SetIndent(2)
	for _, one := range all {
		var node yaml.Node
		if err := node.Encode(whole(one)); err != nil {
			return err
		}
		flow(&node, line)
		if err := encoder.Encode(&node); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content.Bytes(), 0o644)
}

// flow gives the style of JSON to what fits on a line, but for the document itself, and returns how long a node is.
func flow(node *yaml.Node, line int) int {
	length := len(node.Value) + 4
	if strings.Contains(node.Value, "\n") {
		length += line
	}
	for _, inner := range node.Content {
		length += flow(inner, line)
	}
	if length <= line && node.Kind != yaml.ScalarNode {
		node.Style |= yaml.FlowStyle
	}
	return length
}

// whole has the numbers of JSON as whole ones, for YAML tells 100 from 100.0.
func whole(value any) any {
	switch value := value.(type) {
	case object:
		copied := make(object, len(value))
		for key, inner := range value {
			copied[key] = whole(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = whole(inner)
		}
		return copied
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}

// readFolder reads all YAML files of a folder.
func readFolder(folder string) ([]object, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []object
	for _, file := range files {
		some, err := readObjects(file)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func readObjects(file string) ([]object, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all, err := parseObjects(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// parseObjects reads a stream of YAML documents into what JSON would have given.
func parseObjects(content []byte) ([]object, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var all []object
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if document == nil {
			continue
		}
		encoded, err := json.Marshal(document)
		if err != nil {
			return nil, err
		}
		var one object
		if err := json.Unmarshal(encoded, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}
