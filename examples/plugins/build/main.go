// Command build compiles the plugins under guest to WebAssembly, and that to machine code:
//
//	go run ./build DIR
//
// It puts NAME.wasm into DIR and the machine code into DIR/cache.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/host"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: go run ./build DIR")
	}
	for _, plugin := range []struct{ name, source string }{
		{"wordcount", "./guest/wordcount"},
		{"longest", "./guest/longest"},
		{"failing", "./guest/misbehaving"},
		{"looping", "./guest/misbehaving"},
		{"panicking", "./guest/misbehaving"},
	} {
		if err := build(filepath.Join(args[0], plugin.name+".wasm"), plugin.source); err != nil {
			return fmt.Errorf("plugin %s: %w", plugin.name, err)
		}
	}
	return translate(context.Background(), args[0])
}

// build makes a reactor: a module that is called, rather than one that runs.
func build(file, source string) error {
	command := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", file, source)
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	command.Stderr = os.Stderr
	return command.Run()
}

// translate fills the cache of machine code, which takes a while, by loading every plugin once.
func translate(ctx context.Context, dir string) error {
	h, err := host.New(ctx, weakbus.New(), host.Config{Dir: dir})
	if err != nil {
		return err
	}
	return errors.Join(h.LoadAll(ctx), h.Close(ctx))
}
