package weakbus

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"weak"
)

// era is an object that the lists of a topic refer to, and with them the publishes under way: it
// is gone when the last publish is over that began before CloseWait ended the era. So the
// collector tells when nobody is inside a handler any more, at no cost for those who publish.
// The idea is that of a grace period in read-copy-update, with reachability for its clock.
type era struct {
	topic any            // kept alive too, for those who look for the era
	left  *atomic.Uint32 // with the race detector only: how many publishes are over
}

func newEra(topic any) *era {
	e := &era{topic: topic}
	if raceEnabled {
		e.left = new(atomic.Uint32)
	}
	return e
}

// leave tells the race detector that what a publish did comes before what follows CloseWait. The
// collector has stopped every goroutine between the two, but the detector does not see that.
func (e *era) leave() { e.left.Add(1) }

// endedEra is an era to wait for.
type endedEra struct {
	era  weak.Pointer[era]
	left *atomic.Uint32
}

// over reports whether the last publish of the era has ended.
func (e endedEra) over() bool {
	if e.era.Value() != nil {
		return false
	}
	if raceEnabled {
		e.left.Load()
	}
	return true
}

// endEra begins a new era, and returns those to wait for: the last one, and earlier ones that
// others have ended and that are not over.
func (t *Topic[E]) endEra() []endedEra {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.era.Load()
	t.eras = append(slices.DeleteFunc(t.eras, endedEra.over), endedEra{weak.Make(old), old.left})
	t.era.Store(newEra(t))
	if l := t.head.Load(); l != nil {
		next := *l
		next.era = t.era.Load()
		t.head.Store(&next)
	}
	return slices.Clone(t.eras)
}

// insideLimit bounds a wait that may be for its own caller.
const insideLimit = time.Second

// errInside is what such a wait ends with.
var errInside = errors.New("weakbus: still waiting for handlers after " + insideLimit.String() +
	", called from within a handler, which may be the one; call it from elsewhere, or Close or Cancel without waiting")

// CloseWait is Close, and waits until no handler of the scope's subscriptions is running, of those
// that ended earlier included: afterwards, what they use can be taken away, as when a plugin is unloaded. It
// returns ctx.Err() if ctx is done before that; the scope is closed all the same.
//
// It waits for all publishes under way on the topics that the scope subscribed to, not only for the scope's own
// handlers, and for the calls of Async and Via that have begun. To find out it runs the
// garbage collector, several times if need be; nobody else pays for it. It is for moments such
// as an unload, not for a frame.
//
// Called from within a handler, it may be waiting for its own caller. Then it waits for a second at most
// and returns an error.
func (s *Scope) CloseWait(ctx context.Context) error {
	checkContext("CloseWait", ctx)
	_ = s.Close()
	return waitFor(ctx, s.origins())
}

// CancelWait is Cancel, and waits until the handler of the subscription is not running, whether
// this call ended the subscription or not. It is as Scope.CloseWait in all else.
func (s *Subscription) CancelWait(ctx context.Context) error {
	checkContext("CancelWait", ctx)
	s.Cancel()
	return waitFor(ctx, []*origin{s.origin})
}

// waitFor ends the eras of topics and waits for them.
func waitFor(ctx context.Context, origins []*origin) error {
	var eras []endedEra
	for _, o := range origins {
		eras = append(eras, o.topic.endEra()...)
	}
	if len(eras) == 0 {
		return nil
	}
	inside := insideHandler(2)
	began := time.Now()
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 100*time.Millisecond) {
		runtime.GC()
		if eras = slices.DeleteFunc(eras, endedEra.over); len(eras) == 0 {
			return nil
		}
		if inside && time.Since(began) > insideLimit {
			return errInside
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// insideHandler reports whether the exported function that is calling it, through skip-1 others,
// was itself called by this package, as handlers are.
func insideHandler(skip int) bool {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(skip+2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(skip+2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for {
		frame, more := frames.Next()
		// A loop over Events is no handler, though its body is called by the iterator.
		if name, ours := strings.CutPrefix(frame.Function, packagePrefix); ours && !strings.HasPrefix(name, "Events[") {
			return true
		}
		if !more {
			return false
		}
	}
}
