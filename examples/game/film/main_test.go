package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecord_TheCountRisesAndFallsWithACollection(t *testing.T) {
	r, err := record(film)
	require.NoError(t, err)
	require.Len(t, r.collections, len(film.collect))
	start := r.samples[0].Subscriptions
	for _, c := range r.collections {
		assert.Greater(t, c.before.Subscriptions, start*3/2)
		assert.Less(t, c.after.Subscriptions, start*11/10)
		assert.LessOrEqual(t, c.after.OfDead, 2, "the collector has nearly all of the %d", c.before.OfDead)
		assert.Equal(t, c.before.Entities, c.after.Entities, "it takes no living entity")
		gone := 0
		for _, l := range r.lives {
			if l.gone == c.after.frame {
				gone++
			}
		}
		assert.Equal(t, c.after.Pruned-c.before.Pruned, 2*gone, "an entity has two subscriptions")
	}
}

func TestRun_WritesASmallSVG(t *testing.T) {
	name := filepath.Join(t.TempDir(), "arena.svg")
	var out bytes.Buffer
	require.NoError(t, run([]string{"-o", name}, &out))
	assert.Regexp(t, `^frame 258: \d+ subscriptions, \d+ of them of dropped entities; a collection; \d+ subscriptions\n`, out.String())
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Less(t, len(text), 400_000)
	for decoder := xml.NewDecoder(bytes.NewReader(text)); err == nil; {
		_, err = decoder.Token()
	}
	require.ErrorIs(t, err, io.EOF)

	again := filepath.Join(t.TempDir(), "again.svg")
	require.NoError(t, run([]string{"-o", again}, io.Discard))
	same, err := os.ReadFile(again)
	require.NoError(t, err)
	assert.InDelta(t, len(text), len(same), 500, "the same seed gives the same film, but for an entity that the collector may keep")
}

func TestRun_RefusesABadCommandLine(t *testing.T) {
	assert.EqualError(t, run([]string{"more"}, io.Discard), `unexpected argument "more"`)
	assert.Error(t, run([]string{"-unknown"}, io.Discard))
	assert.Error(t, run([]string{"-o", t.TempDir()}, io.Discard), "a directory")
}

func TestSimplify_KeepsTheTurns(t *testing.T) {
	path := []point{{0, 0, 0}, {1, 1, 0}, {2, 2, 0}, {3, 3, 5}, {4, 4, 10}}
	assert.Equal(t, []point{{0, 0, 0}, {2, 2, 0}, {4, 4, 10}}, simplify(path, 0.5))
	assert.Equal(t, []point{{7, 1, 1}, {7, 1, 1}}, simplify([]point{{7, 1, 1}}, 0.5))
}
