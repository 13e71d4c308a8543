package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/host"
)

// story is what the program shows.
type story struct {
	*terminal
	bus   *weakbus.Bus
	host  *host.Host
	name  string
	lines []string
}

func (s *story) tell(ctx context.Context) error {
	half := len(s.lines) / 2
	s.printf("\n%s, lines 1 to %d. Whoever misbehaves is closed, and hurts nobody else.", s.name, half)
	s.publish(ctx, 0, half)
	s.ask(ctx)

	s.printf("\nwordcount is loaded anew, and starts from nothing. Lines %d to %d:", half+1, len(s.lines))
	if err := s.host.Reload(ctx, "wordcount"); err != nil {
		return err
	}
	s.publish(ctx, half, len(s.lines))
	s.ask(ctx)

	s.printf("\nlongest is dropped. Nobody unsubscribes it, nobody closes it.")
	topic := weakbus.TopicOf[event.Line](s.bus)
	listeners, before := topic.Len(), heap()
	s.host.Drop("longest")
	if err := collect(func() bool { return topic.Len() < listeners }); err != nil {
		return err
	}
	s.say("bus", fmt.Sprintf("%d subscribers of lines, now %d", listeners, topic.Len()))
	s.say("memory", fmt.Sprintf("%.1f MB, now %.1f MB", before, heap()))
	s.ask(ctx)
	s.printf("\nThe end.")
	return nil
}

// publish publishes lines. Their plugins' errors are said by the host's Unloaded events too, so
// the publisher just counts them.
func (s *story) publish(ctx context.Context, from, to int) {
	delivered, failed := 0, 0
	for i := from; i < to; i++ {
		n, err := weakbus.PublishContext(ctx, s.bus, event.Line{Number: i + 1, Text: s.lines[i]})
		delivered += n
		failed += failures(err)
	}
	s.say("bus", fmt.Sprintf("%d lines, %d deliveries, of which %d failed", to-from, delivered, failed))
}

func (s *story) ask(ctx context.Context) {
	if _, err := weakbus.PublishContext(ctx, s.bus, event.Ask{}); err != nil {
		s.say("bus", err.Error())
	}
}

// failures returns how many handlers failed.
func failures(err error) int {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return len(joined.Unwrap())
	}
	return 0
}

// heap returns the memory in use, after the collections that take what is not.
func heap() (megabytes float64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// collect runs the collector until done. One run is mostly enough; the runtime promises none.
func collect(done func() bool) error {
	for range 100 {
		if runtime.GC(); done() {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the dropped plugin is still there after 100 collections")
}
