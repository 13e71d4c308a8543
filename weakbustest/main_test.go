//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbustest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spy is a testing.TB that takes down what a test would fail with.
type spy struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	fatal    bool
	cleanups []func()
}

// spyOn runs test as a test of its own, with its cleanups, and returns what became of it.
func spyOn(test func(t testing.TB)) *spy {
	s := &spy{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := range s.cleanups {
				s.cleanups[len(s.cleanups)-1-i]()
			}
		}()
		test(s)
	}()
	<-done
	return s
}

func (s *spy) Helper() {}

func (s *spy) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *spy) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	s.fatal = true
	runtime.Goexit()
}

// said returns all failures as one text.
func (s *spy) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.failures, "\n")
}

// score is the tests' event.
type score struct{ n int }

// hud is the tests' receiver: it records what it hears, and does what the test wants done in a
// handler.
type hud struct {
	name  string
	heard []int
	on    func(score)
}

func (h *hud) onScore(e score) {
	h.heard = append(h.heard, e.n)
	if h.on != nil {
		h.on(e)
	}
}
