package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// built is the directory with the plugins.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "plugins"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if out, err := exec.Command("go", "run", "./build", built).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(built)
		os.Exit(code)
	}))
}

func TestRun_TellsTheStoryAndDrawsIt(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "plugins.svg")
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), []string{"-plugins", built, "-svg", picture}, nil, &out), &out)
	got := out.String()
	for _, want := range []string{
		"  failing    closed: cannot make sense of line 1\n",
		"  looping    closed: no answer within 2s: context deadline exceeded\n",
		"  panicking  closed: panic: out of paper\n",
		"  bus        43 lines; 3 plugins failed\n",
		"  longest     1. 72 in line 2: bank, and of having",
		"  longest    10. 71 in line 21: to take out of it",
		"  wordcount  440 words in 43 lines; most often \"the\" 21, \"to\" 18, \"she\" 17\n",
		"  wordcount  unloaded\n  wordcount  loaded\n",
		"lines; 0 plugins failed\n",
		"  bus        2 plugins heard lines, now 1\n",
	} {
		assert.Contains(t, got, want)
	}
	assert.Equal(t, 1, strings.Count(got, "characters of the longest lines"), "once dropped, longest says nothing")

	svg, err := os.ReadFile(picture)
	require.NoError(t, err)
	assert.Contains(t, string(svg), "$ go run .")
	assert.Contains(t, string(svg), "most often &#34;the&#34; 21")
	assert.Contains(t, string(svg), ">  longest    ...<")
	assert.NotContains(t, string(svg), "in line 2", "what is quoted of the text is left out")
	const quoted = 10
	assert.Equal(t, strings.Count(got, "\n")+1-quoted+1, strings.Count(string(svg), "<text "))
}

func TestRun_ReadsTheStandardInput(t *testing.T) {
	long := strings.Repeat("word ", 14_000) // longer than a bufio.Scanner takes
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), []string{"-plugins", built, "-"}, strings.NewReader(long+"\r\nend"), &out), &out)
	assert.Contains(t, out.String(), `wordcount  14001 words in 2 lines; most often "word" 14000, "end" 1`)
	assert.Contains(t, out.String(), "\n  longest     2. 3 in line 2: end\n")
}

func TestRun_BadInputIsOneClearLine(t *testing.T) {
	for want, args := range map[string][]string{
		"no such file or directory":             {"no/such/file"},
		"is a directory":                        {t.TempDir()},
		"- is empty: there is nothing":          {"-"},
		"usage: plugins":                        {"a", "b"},
		"there are no plugins in the directory": {"-plugins", t.TempDir(), "-"},
	} {
		t.Run(want, func(t *testing.T) {
			in := strings.NewReader("")
			if args[0] == "-plugins" {
				in = strings.NewReader("text")
			}
			var out bytes.Buffer
			err := run(context.Background(), args, in, &out)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Empty(t, out.String())
		})
	}
}
