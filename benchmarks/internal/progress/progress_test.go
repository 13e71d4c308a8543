package progress

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAbout_IsAsRoughAsItIsKnown(t *testing.T) {
	for left, want := range map[time.Duration]string{
		0:                            "a few seconds left",
		5 * time.Second:              "a few seconds left",
		6 * time.Second:              "about 10 s left",
		31 * time.Second:             "about 40 s left",
		50 * time.Second:             "about 50 s left",
		51 * time.Second:             "about 1 min left",
		4*time.Minute + time.Second:  "about 4 min left",
		59 * time.Minute:             "about 59 min left",
		time.Hour - time.Second:      "about 1 h left",
		time.Hour + 18*time.Minute:   "about 1 h 20 min left",
		2*time.Hour + 58*time.Minute: "about 3 h left",
	} {
		assert.Equal(t, want, about(left), left)
	}
}

func TestProgress_EstimatesFromWhatTheStepsTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := New(&b, []Step{
			{"case", "small", 1}, {"case", "large", 20}, {"case", "small again", 3}, {"", "building", 0}, {"library", "ours", 6}, {"library", "theirs", 6},
		})
		for _, took := range []time.Duration{10, 400, 60, 60, 12, 30} {
			p.Next()
			p.Part(0, 3)
			time.Sleep(took * time.Second)
		}
		p.Clear()
		// One of 36 seconds is no basis. Cases take 20 times what was expected. That says nothing of libraries,
		// which take twice as long as expected, and building says nothing of either.
		assert.Equal(t, `case 1 of 3: small
case 2 of 3: large
case 3 of 3, about 1 min left: small again
about 20 s left: building
library 1 of 2, about 20 s left: ours
library 2 of 2, about 20 s left: theirs
`, b.String())
	})
}

func TestProgress_OnATerminalIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := New(&b, []Step{{"case", "one", 10}, {"case", strings.Repeat("ö", 100), 10}, {"case", "three", 10}})
		p.rewrites = true
		next := func(do func()) string {
			b.Reset()
			do()
			require.NotContains(t, b.String(), "\n")
			text, found := strings.CutPrefix(b.String(), "\r")
			require.True(t, found)
			return text
		}
		assert.Equal(t, "case 1 of 3: one", next(p.Next))
		time.Sleep(30 * time.Second)
		assert.Equal(t, "case 1 of 3, about 4 min left: one", next(func() { p.Part(1, 3) }), "a third of ten of thirty took 30 seconds")
		time.Sleep(60 * time.Second)
		long := next(p.Next)
		assert.Equal(t, "case 2 of 3, about 3 min left: "+strings.Repeat("ö", columns-32)+"…", long)
		assert.Equal(t, columns, utf8.RuneCountInString(long))
		time.Sleep(90 * time.Second)
		last := next(p.Next)
		assert.Equal(t, "case 3 of 3, about 2 min left: three", strings.TrimRight(last, " "))
		assert.Equal(t, columns, utf8.RuneCountInString(last), "the longer line is covered")
		assert.Equal(t, strings.Repeat(" ", 36)+"\r", next(p.Clear))
		b.Reset()
		p.Clear()
		assert.Empty(t, b.String(), "there is nothing to clear")
	})
}

func TestProgress_SaysNothingOfTheTimeWithoutABasis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(io.Discard, []Step{{"", "unknown", 0}, {"case", "one", 1}, {"case", "two", 1}})
		p.Next()
		time.Sleep(time.Hour)
		p.Part(1, 2)
		_, ok := p.left()
		assert.False(t, ok, "only what nothing is known of has begun")
		p.Next()
		_, ok = p.left()
		assert.False(t, ok)
		time.Sleep(time.Second)
		p.Part(1, 100)
		_, ok = p.left()
		assert.False(t, ok, "a two-hundredth is too little")
		p.Part(1, 2)
		left, ok := p.left()
		assert.True(t, ok)
		assert.Equal(t, 3*time.Second, left)
	})
}

func TestIsTerminal_OnlyACharacterDevice(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer file.Close()
	assert.True(t, isTerminal(device))
	assert.False(t, isTerminal(file))
	assert.False(t, isTerminal(new(bytes.Buffer)))
}
