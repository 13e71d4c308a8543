// Command web builds the game for the browser, and serves it with its page.
//
//	go run ./web                              then open the address that it prints
//	go run ./web -screenshot browser.png      scripted: a headless Chromium plays
//
// It is run in the directory of the game's module.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

//go:embed index.html
var page []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	addr, screenshot, browser string
	entities, frames          int
	timeout                   time.Duration
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "localhost:8080", "listen on `host:port`; the scripted run takes a free port")
	flags.StringVar(&o.screenshot, "screenshot", "", "have a browser play, and write a PNG of the last frame to `file`")
	flags.StringVar(&o.browser, "browser", "chromium", "the `command` of a browser of the Chromium family")
	flags.IntVar(&o.entities, "entities", 400, "of the scripted run")
	flags.IntVar(&o.frames, "frames", 600, "of the scripted run")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "of the scripted run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weakbus-game-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return err
	}
	if o.screenshot != "" {
		return shoot(ctx, dir, o, out)
	}
	return serve(ctx, dir, o.addr, out)
}

// build puts into dir what the page needs.
func build(ctx context.Context, dir string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	script, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "wasm_exec.js"), script, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), page, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "game.wasm"), ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build for js/wasm, in the directory of the game: %w", err)
	}
	return nil
}

// serve serves dir until ctx is done.
func serve(ctx context.Context, dir, addr string, out io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s/\n", listener.Addr())
	return serveOn(ctx, listener, http.FileServer(http.Dir(dir)))
}

func serveOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
