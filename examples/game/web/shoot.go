package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// result is what the page says when the game is over.
type result struct {
	png []byte
	err error
}

// shoot has a browser play the game that dir has, and writes the picture that the page sends.
func shoot(ctx context.Context, dir string, o options, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no picture after %v", o.timeout))
	defer cancel()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	results, served := make(chan result, 1), make(chan error, 1)
	go func() { served <- serveOn(ctx, listener, handler(dir, results)) }()
	defer func() { cancel(); <-served }()

	url := fmt.Sprintf("http://%s/?entities=%d&frames=%d&collect=240&screenshot=1", listener.Addr(), o.entities, o.frames)
	browser := browse(ctx, o.browser, dir, url)
	if err := browser.Start(); err != nil {
		return fmt.Errorf("%w; name another with -browser", err)
	}
	defer func() { cancel(); _ = browser.Wait() }() // it ends because it is killed

	select {
	case r := <-results:
		if r.err != nil {
			return r.err
		}
		fmt.Fprintf(out, "%s: frame %d in the browser, %d bytes\n", o.screenshot, o.frames, len(r.png))
		return os.WriteFile(o.screenshot, r.png, 0o644)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// browse returns the command of a browser without a display, which renders on the CPU.
func browse(ctx context.Context, command, dir, url string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command, "--headless", "--no-sandbox", "--disable-gpu-sandbox",
		"--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run", "--mute-audio",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=960,640", url)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// handler serves dir, and takes what the page reports.
func handler(dir string, results chan<- result) http.Handler {
	report := func(r result) {
		select {
		case results <- r:
		default: // the first one counts
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServer(http.Dir(dir)))
	mux.HandleFunc("POST /screenshot", func(_ http.ResponseWriter, r *http.Request) {
		png, err := io.ReadAll(r.Body)
		report(result{png, err})
	})
	mux.HandleFunc("POST /failed", func(_ http.ResponseWriter, r *http.Request) {
		message, err := io.ReadAll(r.Body)
		report(result{err: errors.Join(errors.New(string(message)), err)})
	})
	return mux
}
