package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun_TellsTheStoryOfADroppedWindow(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(nil, &out))
	got := out.String()
	assert.Contains(t, got, "Lines 1 to 21 published, 63 deliveries")
	assert.Contains(t, got, "Lines 22 to 43 published, 44 deliveries")
	assert.Contains(t, got, "0 after it was dropped")
	assert.Contains(t, got, "Subscriptions  3 before, 2 now: the bus pruned 1 by itself.")
	assert.Regexp(t, `Memory +8\.\d MB before, 0\.\d MB now`, got)
}

func TestRun_ReadsAnyText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	long := bytes.Repeat([]byte("word "), 100_000) // longer than a bufio.Scanner takes
	require.NoError(t, os.WriteFile(file, append(long, "\r\nlast line without newline"...), 0o600))
	var out bytes.Buffer
	require.NoError(t, run([]string{file}, &out))
	assert.Contains(t, out.String(), "text: 2 lines.")
	assert.Contains(t, out.String(), "100004 words")
}

func TestRun_BadInputIsOneClearLine(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n\n"), 0o600))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such file": {[]string{"no/such/file"}, "no such file or directory"},
		"a directory":  {[]string{t.TempDir()}, "is a directory"},
		"empty":        {[]string{empty}, "empty is empty: there is nothing to publish"},
		"too many":     {[]string{"a", "b"}, "usage: quickstart [FILE]"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(c.args, &out)
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Empty(t, out.String())
		})
	}
}
