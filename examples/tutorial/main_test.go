package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun_ShowsTheUseAndTheMistakes(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out))
	for _, want := range []string{
		"after it was dropped:        <nil>",
		"two documents listen:        2 called",
		"after one was dropped:       1 called",
		"the subscription is now:     collected",
		`while the document is held:  found "report"`,
		"after it was dropped:        0 in the cache, and its key is <nil>",
		"a map written by hand:       1 key of a document that is <nil>",
		"main.Point has 8 bytes and no pointers",
		"nil pointer dereference",
		"0 called, no crash",
	} {
		assert.Contains(t, out.String(), want)
	}
}
