package core

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"
)

// errInside is what a wait ends with that may be for its own caller.
var errInside = errors.New("weakbus: CloseWait: called from within a handler of a topic that the scope subscribed to; " +
	"it would wait for its own caller: call it from elsewhere, or Close without waiting")

const (
	// insidePatience is how long such a wait goes on, for calls of others that are just ending.
	insidePatience = 5 * time.Millisecond
	// Handlers end without telling, so a wait looks for it, less and less often.
	firstLook, lastLook = 20 * time.Microsecond, 2 * time.Millisecond
)

// CloseWait is Close, and waits until no handler of the scope's subscriptions is running, those
// included that ended earlier. See "Calls in progress" in docs/design.md.
func (s *Scope) CloseWait(ctx context.Context) error {
	s.Close()
	s.mu.Lock()
	past := slices.Clone(s.past)
	s.mu.Unlock()
	if past = slices.DeleteFunc(past, pastCall.over); len(past) == 0 {
		return nil
	}
	inside, began := insideHandler(), time.Now()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if inside && time.Since(began) > insidePatience {
			return errInside
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		if past = slices.DeleteFunc(past, pastCall.over); len(past) == 0 {
			return nil
		}
	}
}

// modulePath begins the names of this module's functions.
const modulePath = "github.com/weakbus/weakbus"

// callers are the functions that call handlers, by what follows modulePath in their names: whoever has
// one on its stack is inside a handler. A loop over Events is no handler.
var callers = []string{
	".publish[", ".far[", ".erase[",
	"/internal/core.(*Bus).PublishAny", "/internal/core.(*Topic).level", "/internal/core.(*Box).run",
}

// insideHandler reports whether this goroutine is inside a handler.
func insideHandler() bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	walk := runtime.CallersFrames(pcs[:n])
	for {
		frame, more := walk.Next()
		if name, ours := strings.CutPrefix(frame.Function, modulePath); ours &&
			slices.ContainsFunc(callers, func(c string) bool { return strings.HasPrefix(name, c) }) {
			return true
		}
		if !more {
			return false
		}
	}
}
