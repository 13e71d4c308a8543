package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/checks"
	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"github.com/weakbus/weakbus/benchmarks/internal/progress"
)

const (
	// raceExit is the exit code of a process in which the race detector found something.
	raceExit = 66
	// crashExit is that of one that panicked.
	crashExit = 2
	// deadline is how long a probe may take: several times what the slowest takes that ends.
	deadline = 10 * time.Second
)

// correctnessSteps returns what progress counts of the questions. A library takes about five seconds on two
// cores, most of which is waiting for deadlocks, so the same wherever it runs.
func correctnessSteps(only *regexp.Regexp) []progress.Step {
	steps := []progress.Step{{Name: "building the probe with the race detector"}}
	for _, p := range choose(peers.Checked(), only) {
		steps = append(steps, progress.Step{Kind: "library", Name: "correctness of " + p.Name, Seconds: 5})
	}
	return steps
}

// correctness asks each library each question, in a process of its own. It takes the steps of
// correctnessSteps.
func correctness(ctx context.Context, only *regexp.Regexp, told *progress.Progress) (*table, error) {
	dir, err := os.MkdirTemp("", "benchmarks")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	probe := filepath.Join(dir, "probe")
	told.Next()
	if text, err := exec.CommandContext(ctx, "go", "build", "-race", "-o", probe, "./probe").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build -race ./probe, to be run in the module's directory: %w\n%s", err, text)
	}
	t := &table{title: "What happens when a handler ...", columns: []string{"library"}, text: correctnessText}
	for _, c := range checks.All() {
		t.columns = append(t.columns, c.Title)
		t.notes = append(t.notes, fmt.Sprintf("* *%s*: %s", c.Title, c.Legend))
	}
	t.notes = append(t.notes, hazards)
	t.rows, err = askAll(ctx, probe, only, told)
	return t, err
}

const (
	correctnessText = "Each cell is what a process of its own saw under the race detector, from counts of calls. How each library is used is in doc.go."
	hazards         = "\n**deadlock**: the process did not end in 10 seconds. **race**: the race detector stopped it. **crash**: a panic or a fatal error ended it. " +
		"**n/a**: the library has no such thing, or its handlers run concurrently, so that there is no order to ask for."
)

// askAll asks twice as many questions at once as there are cores: most of the time a probe waits.
func askAll(ctx context.Context, probe string, only *regexp.Regexp, told *progress.Progress) ([][]string, error) {
	var rows [][]string
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	for _, p := range choose(peers.Checked(), only) {
		told.Next()
		row := append([]string{rowName(p)}, make([]string, len(checks.All()))...)
		rows = append(rows, row)
		for i, c := range checks.All() {
			told.Part(max(0, i-len(slots)), len(checks.All())) // those under way are not done
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				answer, err := ask(ctx, probe, p.Name, c.Name)
				mu.Lock()
				defer mu.Unlock()
				row[i+1], failed = answer, errors.Join(failed, err)
			})
		}
	}
	wg.Wait()
	return rows, failed
}

// ask runs the probe and returns its answer, or what ended it.
func ask(ctx context.Context, probe, peer, check string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, probe, peer, check)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("GORACE=halt_on_error=1 exitcode=%d", raceExit))
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	switch {
	case err == nil:
		return strings.TrimSpace(stdout.String()), nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded), strings.Contains(stderr.String(), "all goroutines are asleep"):
		return "deadlock", nil
	case code == raceExit:
		return "race", nil
	case code == crashExit:
		return "crash", nil
	default:
		return "", fmt.Errorf("probe %q %s: %w: %s", peer, check, err, stderr.String())
	}
}
