// Command routes compares what net-pingora compiles of Routes with the KIngresses that Serving makes of them, under
// many combinations of ConfigMaps. It has two parts with a directory between them:
//
//	routes dump     makes the Routes on a cluster and writes down what decides and what Serving makes of it
//	routes compare  compiles what was written down and compares
//
// and
//
//	routes corpus   takes a small part of it, for tests without a cluster
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "routes:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	commands := map[string]func([]string) error{"dump": runDump, "compare": runCompare, "corpus": runCorpus}
	if len(arguments) > 0 {
		if command, found := commands[arguments[0]]; found {
			return command(arguments[1:])
		}
	}
	return fmt.Errorf("wants dump, compare or corpus, and flags; -help lists them")
}

func runDump(arguments []string) error {
	flags := flag.NewFlagSet("dump", flag.ExitOnError)
	server := flags.String("server", "https://127.0.0.1:6443", "the API server")
	authority := flags.String("ca", "", "the file of its authority")
	token := flags.String("token", "admin", "the token to show it")
	class := flags.String("class", "", "the ingress class")
	image := flags.String("image", "", "the image of the Revisions; none of it runs but where it must not become ready")
	count := flags.Int("routes", 300, "how many Routes")
	seed := flags.Uint64("seed", 0, "repeats the choice of an earlier run; 0 chooses anew")
	only := flags.String("only", "", "a pattern of the combinations to play")
	directory := flags.String("dump", "", "where to write")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	client, err := newAPI(*server, *authority, *token)
	if err != nil {
		return err
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	fmt.Println("SEED=" + fmt.Sprint(*seed))
	return dump(&stage{api: client, class: *class, image: *image, routes: generate(*seed, *count)}, *directory, pattern.MatchString)
}

func runCompare(arguments []string) error {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	var c comparison
	flags.StringVar(&c.program, "program", "net-pingora", "net-pingora")
	flags.IntVar(&c.routes, "show", 5, "how many Routes to show of each combination, of those that are different")
	flags.IntVar(&c.fields, "fields", 3, "how many fields to show of each Route")
	only := flags.String("only", "", "a pattern of the combinations to compare")
	directory := flags.String("dump", "", "what dump wrote")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	return c.all(*directory, pattern.MatchString)
}

func runCorpus(arguments []string) error {
	flags := flag.NewFlagSet("corpus", flag.ExitOnError)
	from := flags.String("dump", "", "what dump wrote")
	to := flags.String("corpus", "", "where to write")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	return writeCorpus(*from, *to)
}
