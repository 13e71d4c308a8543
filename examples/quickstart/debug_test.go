package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// output is what a program that is running has written so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestDebug_ShowsTheBusUntilItIsInterrupted(t *testing.T) {
	t.Cleanup(runtime.GC) // other tests measure the heap
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	name, lines, err := input(nil)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- debug(ctx, ":0", &out, name, lines) }()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(out.String()), []byte("are free")) }, 10*time.Second, 10*time.Millisecond)
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/debug/bus/`).FindString(out.String())
	require.NotEmpty(t, address, out.String())
	require.Eventually(t, func() bool {
		resp, err := http.Get(address + "stats.json")
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return regexp.MustCompile(`"label":"longest".*debug\.go:\d+`).Match(body)
	}, 10*time.Second, 10*time.Millisecond)
	cancel()
	assert.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()
}

func TestDebug_BadInputIsOneClearLine(t *testing.T) {
	for want, args := range map[string][]string{
		"usage: quickstart -debug ADDRESS [FILE]": {"-debug"},
		"missing port in address":                 {"-debug", "here"},
		"no such file or directory":               {"-debug", ":0", "no/such/file"},
	} {
		var out bytes.Buffer
		err := run(args, &out)
		require.ErrorContains(t, err, want)
		assert.Empty(t, out.String())
	}
}
