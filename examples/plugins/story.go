package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
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
	s.printf("\n%s is published. Who misbehaves is closed, and hurts nobody else.", s.name)
	published, failed := s.publish(ctx)
	s.say("bus", fmt.Sprintf("%d lines; %d plugins failed", published, failed))
	s.ask()
	if err := s.reload(ctx, "wordcount"); err != nil {
		return err
	}
	return s.drop("longest")
}

// reload unloads a plugin and loads it again while lines are published.
func (s *story) reload(ctx context.Context, plugin string) error {
	s.printf("\nWhile the text is published over and over, %s is unloaded and loaded anew.", plugin)
	var published, failed int
	reloaded := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for last := false; !last; {
			select {
			case <-reloaded:
				last = true
			default:
			}
			p, f := s.publish(ctx)
			published, failed = published+p, failed+f
		}
	})
	err := s.host.Reload(ctx, plugin)
	close(reloaded)
	publisher.Wait()
	if err != nil {
		return err
	}
	s.say("bus", fmt.Sprintf("%d lines; %d plugins failed", published, failed))
	return nil
}

// drop shows what becomes of a plugin that is not unloaded but forgotten.
func (s *story) drop(plugin string) error {
	s.printf("\n%s is dropped: nobody unsubscribes it, nobody closes it. The collector runs. Who is left?", plugin)
	topic := weakbus.TopicOf[event.Line](s.bus)
	listeners, before := topic.Len(), heap()
	if err := s.host.Drop(plugin); err != nil {
		return err
	}
	if err := collect(func() bool { return topic.Len() < listeners }); err != nil {
		return err
	}
	s.say("bus", fmt.Sprintf("%d plugins heard lines, now %d", listeners, topic.Len()))
	s.say("memory", fmt.Sprintf("%.1f MB, now %.1f MB", before, heap()))
	s.ask()
	return nil
}

// publish publishes the text. Why a plugin failed is told by the host's Unloaded event too, so
// here the errors are only counted.
func (s *story) publish(ctx context.Context) (published, failed int) {
	for i, text := range s.lines {
		_, err := weakbus.PublishContext(ctx, s.bus, event.Line{Number: i + 1, Text: text})
		var joined interface{ Unwrap() []error } // one for each handler that failed
		if errors.As(err, &joined) {
			failed += len(joined.Unwrap())
		}
	}
	return len(s.lines), failed
}

func (s *story) ask() { weakbus.Publish(s.bus, event.Ask{}) }

// heap returns the memory in use after a collection.
func heap() (megabytes float64) {
	runtime.GC()
	runtime.GC() // frees what cleanups of the first let go
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
