// Command knative prints the hash that Knative's own code gives to every KIngress of the files
// named as arguments, or of standard input: one line "namespace/name hash" per object.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/ingress"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string, in io.Reader, out io.Writer) error {
	if len(files) == 0 {
		return printHashes(in, out)
	}
	for _, name := range files {
		if err := printHashesOfFile(name, out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func printHashesOfFile(name string, out io.Writer) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return printHashes(file, out)
}

func printHashes(in io.Reader, out io.Writer) error {
	documents := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		object := &v1alpha1.Ingress{}
		if err := documents.Decode(object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if object.Kind != "Ingress" {
			continue
		}
		object.SetDefaults(context.Background())
		hash, err := ingress.ComputeHash(object)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", object.Namespace, object.Name, err)
		}
		fmt.Fprintf(out, "%s/%s %s\n", object.Namespace, object.Name, hex.EncodeToString(hash[:]))
	}
}
