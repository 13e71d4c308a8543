// Command bench measures package link over natslink beside plain nats.go with the same payload, in process and over
// the loopback interface, in one run. The two take turns.
//
//	go run ./bench
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
	"github.com/weakbus/weakbus/natslocal"
)

type placed struct {
	ID    string   `json:"id"`
	Total int      `json:"total"`
	Items []string `json:"items"`
	At    int64    `json:"at"`
}

func event(at int64) placed {
	return placed{"order-123456", 4200, []string{"apple", "pear", "a much longer article name"}, at}
}

// sink is who hears the events.
type sink struct {
	n   atomic.Int64
	lat []time.Duration
	got chan struct{} // nil: only count
}

func (s *sink) on(e placed) {
	s.n.Add(1)
	if s.got != nil {
		s.lat = append(s.lat, time.Since(time.Unix(0, e.At)))
		s.got <- struct{}{}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pair is a publisher and a subscriber, on two connections.
type pair struct {
	publish func(placed)
	flush   func()
	close   func()
}

// plain is what one writes without a bus. origin has each message carry a header, as a link's does.
func plain(a, b *nats.Conn, s *sink, origin bool) pair {
	sub, err := b.Subscribe("bench.placed", func(m *nats.Msg) {
		var e placed
		if json.Unmarshal(m.Data, &e) == nil {
			s.on(e)
		}
	})
	check(err)
	check(sub.SetPendingLimits(-1, -1))
	check(b.Flush())
	return pair{
		publish: func(e placed) {
			data, err := json.Marshal(e)
			check(err)
			m := &nats.Msg{Subject: "bench.placed", Data: data}
			if origin {
				m.Header = nats.Header{"weakbus-origin": {"ABCDEFGHIJKL"}}
			}
			check(a.PublishMsg(m))
		},
		flush: func() { check(a.Flush()) },
		close: func() { check(sub.Unsubscribe()) },
	}
}

func linked(a, b *nats.Conn, s *sink) pair {
	busA, busB := weakbus.New(), weakbus.New()
	failed := link.OnError(func(e *link.Error) { check(e) })
	la := link.Open(busA, natslink.New(a, "bench"), failed)
	lb := link.Open(busB, natslink.New(b, "bench"), failed)
	check(link.Share[placed](la, "placed"))
	check(link.Share[placed](lb, "placed"))
	weakbus.Subscribe(busB, s, (*sink).on)
	ctx := context.Background()
	check(lb.Sync(ctx))
	return pair{
		publish: func(e placed) { weakbus.Publish(busA, e) },
		flush:   func() { check(la.Sync(ctx)) },
		close:   func() { check(la.Close(ctx)); check(lb.Close(ctx)) },
	}
}

type result struct {
	p50, p99      time.Duration
	each          time.Duration // at full speed
	cpu           time.Duration // of that, of the processor
	bytes, allocs float64
}

// ahead is how many events the publisher may be ahead of the handler, so that none is dropped.
const ahead = 30000

func measure(p pair, s *sink, calls, events int) result {
	var r result
	s.got = make(chan struct{}, 1)
	s.lat = s.lat[:0]
	for i := range calls {
		p.publish(event(time.Now().UnixNano()))
		<-s.got
		if i == calls/10 {
			s.lat = s.lat[:0] // that was for warming up
		}
	}
	slices.Sort(s.lat)
	r.p50, r.p99 = s.lat[len(s.lat)/2], s.lat[len(s.lat)*99/100]
	s.got = nil
	s.n.Store(0)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin, busy := time.Now(), cpu()
	for i := range events {
		p.publish(event(int64(i)))
		for i%1000 == 0 && int64(i)-s.n.Load() > ahead {
			time.Sleep(50 * time.Microsecond)
		}
	}
	p.flush()
	for s.n.Load() < int64(events) {
		if time.Since(begin) > time.Minute {
			check(fmt.Errorf("%d of %d events arrived", s.n.Load(), events))
		}
		time.Sleep(50 * time.Microsecond)
	}
	r.each, r.cpu = time.Since(begin)/time.Duration(events), (cpu()-busy)/time.Duration(events)
	runtime.ReadMemStats(&after)
	r.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(events)
	r.allocs = float64(after.Mallocs-before.Mallocs) / float64(events)
	return r
}

// median returns the median of a figure.
func median(rs []result, of func(result) float64) float64 {
	var all []float64
	for _, r := range rs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// cell writes the median of a time, and the median over the rounds of its ratio to the first row's.
func cell(rs, base []result, of func(result) time.Duration) string {
	ratios := make([]float64, len(rs))
	for i := range rs {
		ratios[i] = float64(of(rs[i])) / float64(of(base[i]))
	}
	slices.Sort(ratios)
	at := time.Duration(median(rs, func(r result) float64 { return float64(of(r)) }))
	return fmt.Sprintf("%v (%.2f)", at.Round(10*time.Nanosecond), ratios[len(ratios)/2])
}

func main() {
	calls := flag.Int("calls", 5000, "events one at a time, for the latency")
	events := flag.Int("events", 100000, "events at full speed, for the throughput")
	rounds := flag.Int("rounds", 5, "rounds; the figures are medians")
	flag.Parse()

	embedded, err := natslocal.Embedded("")
	check(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	check(ln.Close())
	local, err := natslocal.Local(ln.Addr().String(), "bench", "bench")
	check(err)

	data, err := json.Marshal(event(time.Now().UnixNano()))
	check(err)
	fmt.Printf("%d bytes of JSON, median of %d rounds; in brackets, beside the first row\n\n", len(data), *rounds)
	fmt.Println("| way | what | p50 | p99 | each, at full speed | of that CPU | B | allocs |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, way := range []string{"in process", "loopback"} {
		dial := func() *nats.Conn {
			var nc *nats.Conn
			var err error
			if way == "loopback" {
				nc, err = nats.Connect("nats://"+ln.Addr().String(), nats.Token("bench"), nats.NoEcho())
			} else {
				nc, err = embedded.Connect()
			}
			check(err)
			return nc
		}
		whats := []string{"nats.go", "nats.go, one header", "link"}
		all := make([][]result, len(whats))
		for range *rounds {
			for i := range whats {
				a, b := dial(), dial()
				s := &sink{}
				var p pair
				switch i {
				case 0, 1:
					p = plain(a, b, s, i == 1)
				default:
					p = linked(a, b, s)
				}
				all[i] = append(all[i], measure(p, s, *calls, *events))
				p.close()
				a.Close()
				b.Close()
				runtime.KeepAlive(s)
			}
		}
		for i, what := range whats {
			rs := all[i]
			fmt.Printf("| %s | %s | %s | %s | %s | %s | %.0f | %.1f |\n", way, what,
				cell(rs, all[0], func(r result) time.Duration { return r.p50 }),
				cell(rs, all[0], func(r result) time.Duration { return r.p99 }),
				cell(rs, all[0], func(r result) time.Duration { return r.each }),
				cell(rs, all[0], func(r result) time.Duration { return r.cpu }),
				median(rs, func(r result) float64 { return r.bytes }), median(rs, func(r result) float64 { return r.allocs }))
		}
	}
	check(local.Close(context.Background()))
	check(embedded.Close())
}
