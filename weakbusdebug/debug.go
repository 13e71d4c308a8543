// Package weakbusdebug shows a bus on a web page, live: its topics with their rates, who hears them and
// in which order, what waits, what is running now, what went wrong, and the story of single events.
//
//	mux.Handle("/debug/bus/", weakbusdebug.New(bus))
//
// The page only shows; it changes nothing. It refers to everything by relative addresses, so any path
// that ends in a slash will do, also below http.StripPrefix. It needs no other site. Nothing registers
// itself: there is no page until New is called and its result is mounted.
//
// # Who may look
//
// The page shows the program's inner life, so it answers only peers on a loopback address that ask for a
// loopback name. The name is looked at because the browser of a developer may be led to this address by
// the domain of a stranger. A request that a proxy has passed on is refused too, where the proxy says so
// in a header such as X-Forwarded-For. [Allow] replaces these rules. Nothing but GET is answered, and no
// script of another site.
//
// # What it costs
//
// The bus is observed while somebody looks. A publish then takes about a microsecond longer, and a quarter
// of one for each handler. When the last viewer has gone, it costs what it did before. With [Record], the
// bus is observed from the start. At most 100 events of a topic are written out in each second; the others are counted only. A
// viewer that does not keep up is told how many entries it missed. No publisher waits for a viewer.
//
// # What it knows
//
// Totals are those of [weakbus.Bus.Stats]: they count while somebody looks, and always with Record or
// [weakbus.WithSites]. The place of a subscription is known if it was made meanwhile, and so is whether
// it has heard anything. Make a bus with WithSites to see the places of all subscriptions at
// the first visit.
//
// # stats.json
//
// Beside the page is stats.json, for scripts: everything that the page shows but the timeline, with all
// topics and their subscriptions. Times are in microseconds since 1970, durations in nanoseconds. To ask
// for it does not count as looking.
package weakbusdebug

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/weakbus/weakbus"
)

// Page is an http.Handler that shows a bus. Make one with New. Its methods are safe for concurrent use.
type Page struct {
	bus    *weakbus.Bus
	rec    *recorder
	record bool
	allow  func(*http.Request) bool
	done   chan struct{} // closed by Close

	mu      sync.Mutex
	closed  bool
	viewers int
	stop    func() // nil while the page does not observe

	look struct { // the last picture that was taken of the bus
		sync.Mutex
		stats *weakbus.Stats // not changed any more
		at    time.Time
		took  time.Duration
	}
}

// Option configures a page.
type Option func(*Page)

// Allow says who may look, in place of the rule that only this machine may. It is asked for each request,
// also concurrently. A request that a script of another site makes is refused whatever allow
// says.
func Allow(allow func(*http.Request) bool) Option {
	if allow == nil {
		misuse("Allow", "nil function; leave the option out to answer this machine only")
	}
	return func(p *Page) { p.allow = allow }
}

// Values says how an event is written out, for instance without what is secret. An event for which text
// returns "" is shown without its value. text is called by the publisher, before the handlers are. A
// panic in it is shown in place of the value.
//
// Without the option a value is written as Go would, shortened, with types in place of what is behind
// pointers and in maps. No method of it is called.
func Values(text func(event any) string) Option {
	if text == nil {
		misuse("Values", "nil function; leave the option out to see the values as they are")
	}
	return func(p *Page) { p.rec.text = text }
}

// Record has the page observe the bus from the start, and not only while somebody looks, so that the
// first visitor sees what happened before.
func Record() Option { return func(p *Page) { p.record = true } }

// New returns a page that shows bus. It starts no goroutine, and needs no Close to be collected.
func New(bus *weakbus.Bus, opts ...Option) *Page {
	if bus == nil {
		misuse("New", "nil *Bus; make one with weakbus.New")
	}
	p := &Page{bus: bus, rec: newRecorder(), allow: local, done: make(chan struct{})}
	for _, opt := range opts {
		if opt != nil {
			opt(p)
		}
	}
	if p.record {
		p.stop = bus.Observe(p.rec.trace())
	}
	return p
}

// Close ends the connections of all viewers, and the observing. Requests that come later get status 503.
// Close always returns nil and may be called again. It is what an http.Server wants in RegisterOnShutdown,
// which would otherwise wait for the viewers.
func (p *Page) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.done)
		p.rest()
	}
	return nil
}

// enter counts a viewer, and observes the bus for the first one. It reports whether the page is open.
func (p *Page) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.viewers++; p.stop == nil {
		p.rec.afterGap(p.bus.Stats)
		p.stop = p.bus.Observe(p.rec.trace())
	}
	return true
}

// leave is called for each enter.
func (p *Page) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.viewers--; p.viewers == 0 && !p.record {
		p.rest()
	}
}

// rest stops observing. The caller holds mu.
func (p *Page) rest() {
	if p.stop == nil {
		return
	}
	p.stop()
	p.stop = nil
	p.rec.beforeGap(p.bus.Stats())
}

func (p *Page) observing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop != nil
}

// The shortest time between two pictures for viewers, and how many times longer than taking a picture the
// wait for the next one is: a bus with a million subscriptions is not to be walked all the time.
const (
	pictureEvery = time.Second
	pictureShare = 20
)

// stats returns a picture of the bus. All viewers share one that is not older than the wait for the next.
func (p *Page) stats(fresh bool) (*weakbus.Stats, time.Time) {
	p.look.Lock()
	defer p.look.Unlock()
	age := max(pictureEvery*9/10, pictureShare*p.look.took)
	if fresh {
		age = min(age, pictureShare*p.look.took)
	}
	now := time.Now()
	if p.look.at.IsZero() || now.Sub(p.look.at) >= age {
		s := p.bus.Stats()
		p.look.stats, p.look.at, p.look.took = &s, now, time.Since(now)
		p.rec.prune(&s)
	}
	return p.look.stats, p.look.at
}

func misuse(function, reason string) {
	panic(fmt.Sprintf("weakbusdebug: %s: %s", function, reason))
}
