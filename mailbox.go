package weakbus

import (
	"context"
	"fmt"

	"github.com/weakbus/weakbus/internal/core"
)

// Overflow says what happens to an event that finds no room.
type Overflow uint8

const (
	// Block waits for room. The publisher waits too, and everybody behind it.
	Block Overflow = iota
	// DropNewest drops the new event.
	DropNewest
	// DropOldest drops the event that has waited longest, to make room for the new one.
	DropOldest
	// Latest drops everything that waits and keeps the new event: for states, of which only the
	// present one matters.
	Latest
)

// String returns the policy's name as it is written in Go.
func (o Overflow) String() string { return core.Overflow(o).String() }

// Async gives the subscriber a mailbox and has its handler called on a goroutine of its own:
// the publisher puts the event into the mailbox and goes on. Calls come one at a time, in the
// order in which the events were put in. The goroutine starts when there is something to
// deliver and ends when there is not; a mailbox at rest has none. Two subscriptions with Async run at
// the same time, also if they have one receiver; for one call at a time over several, use Through.
//
// At most capacity events wait; overflow says what becomes of one more. With Block the publisher
// waits for room, until its context is done or the subscription ends; a handler that
// publishes to its own full mailbox waits for itself. A publisher that has waited for five seconds
// is reported once, to the bus's logger or slog.Default(). What DropNewest, DropOldest and Latest
// drop is counted in Stats and told to the Trace.
//
// For Publish, a handler whose mailbox took the event counts as run. Filter is called by the
// publisher, before. Errors are reported as those of Publish are. A panic is reported to OnPanic;
// without that it ends the program, as in any goroutine. A handler that takes a
// context gets one with the values of the publisher's, but not its end.
//
// Events in the mailbox do not keep the receiver alive. They are let go when the
// subscription is cancelled or the receiver is collected; those that a Pause meets are
// missed. Close of the bus waits for them. Async panics if capacity is less than one.
func Async(capacity int, overflow Overflow) SubscribeOption {
	checkCapacity("Async", capacity, overflow)
	mayReport()
	return func(o *options) {
		o.checkWay("Async")
		o.core.Capacity, o.core.Overflow = capacity, core.Overflow(overflow)
	}
}

func checkCapacity(function string, capacity int, overflow Overflow) {
	if capacity < 1 {
		core.Misuse(function, fmt.Sprintf("capacity %d; it takes at least 1", capacity))
	}
	checkOverflow(function, overflow)
}

func checkOverflow(function string, overflow Overflow) {
	if overflow > Latest {
		core.Misuse(function, fmt.Sprintf("%v is none of Block, DropNewest, DropOldest, Latest", overflow))
	}
}

// Mailbox has the handlers of many subscriptions, of whatever event types, called one at a time, in the
// order of publishing: a component without locks of its own. Make one with NewMailbox, and subscribe with
// the option Through. Its methods are safe for concurrent use and may be called from handlers, except
// Wait.
//
// A mailbox has a goroutine only while there is something in it. Like Async it keeps no receiver alive.
// It may serve several buses.
type Mailbox struct{ box *core.Box }

// NewMailbox returns an empty mailbox. At most capacity events wait in it; overflow says what becomes of
// one more, as in Async, but over the whole mailbox: DropOldest drops the event that has waited longest,
// for whichever subscription, and Latest everything that waits. NewMailbox panics if capacity is less
// than one.
func NewMailbox(capacity int, overflow Overflow) *Mailbox {
	checkCapacity("NewMailbox", capacity, overflow)
	mayReport()
	return &Mailbox{core.NewBox(capacity, core.Overflow(overflow))}
}

// Through has the handler called through a mailbox that it shares with others: see Mailbox, and Async
// for what becomes of results, errors and panics. Async, Via and Through exclude each other. Through
// panics if m is nil or a zero Mailbox.
func Through(m *Mailbox) SubscribeOption {
	m.ready("Through")
	return func(o *options) {
		o.checkWay("Through")
		o.core.Box = m.box
	}
}

// Len returns the number of events that wait, without the one that is being handled.
func (m *Mailbox) Len() int { return m.ready("Len").Len() }

// Dropped returns the number of events that the mailbox has dropped so far: for want of room, and those
// that came after Close.
func (m *Mailbox) Dropped() int { return m.ready("Dropped").Dropped() }

// Close has the mailbox accept no more. Events that come later count as dropped, and publishers that
// wait for room go on. What waits is still delivered; Wait waits for that. Close always returns nil and
// may be called again. A mailbox that is not used any more needs no Close.
func (m *Mailbox) Close() error {
	m.ready("Close").Close()
	return nil
}

// Wait waits until the mailbox has nothing left, or returns ctx.Err() if ctx is done before. Events that
// come meanwhile are waited for too. A handler that runs in the mailbox must not call it, for it would
// wait for itself.
func (m *Mailbox) Wait(ctx context.Context) error {
	checkContext("Wait", ctx)
	return m.ready("Wait").Wait(ctx)
}

func (m *Mailbox) ready(function string) *core.Box {
	if m == nil || m.box == nil {
		core.Misuse(function, "nil *Mailbox or a zero one; make one with NewMailbox")
	}
	return m.box
}
