package weakbusdebug_test

import (
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbusdebug"
)

// What a publish costs with a page: while nobody has looked, when the only viewer has gone, and
// with one viewer, who reads all. "recording" is Record without a viewer.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		for _, c := range []struct {
			name                            string
			record, visited, looking, sites bool
		}{
			{name: "no page"},
			{name: "nobody looks"},
			{name: "somebody looked", visited: true},
			{name: "one viewer", visited: true, looking: true},
			{name: "one viewer, with sites", visited: true, looking: true, sites: true},
			{name: "recording", record: true},
		} {
			b.Run(c.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				bus := weakbus.New()
				if c.sites {
					bus = weakbus.New(weakbus.WithSites())
				}
				all := make([]*display, n)
				for i := range all {
					all[i] = &display{name: "d"}
					weakbus.Subscribe(bus, all[i], (*display).onScore)
				}
				if c.name != "no page" {
					var opts []weakbusdebug.Option
					if c.record {
						opts = append(opts, weakbusdebug.Record())
					}
					page := weakbusdebug.New(bus, opts...)
					defer page.Close()
					srv := httptest.NewServer(page)
					defer srv.Close()
					if c.visited {
						stop := look(b, srv)
						if !c.looking {
							stop()
							awaitUnobserved(b, bus)
						} else {
							defer stop()
						}
					}
				}
				topic := weakbus.TopicOf[score](bus)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					topic.Publish(score{i})
					i++
				}
				runtime.KeepAlive(all)
			})
		}
	}
}

// look reads all that the page sends, until stop is called.
func look(b *testing.B, srv *httptest.Server) (stop func()) {
	resp, err := srv.Client().Get(srv.URL + "/events")
	if err != nil {
		b.Fatal(err)
	}
	first, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for once := first; ; {
			n, err := resp.Body.Read(buf)
			if n > 0 && once != nil {
				close(once)
				once = nil
			}
			if err != nil {
				return
			}
		}
	}()
	<-first
	return func() {
		resp.Body.Close()
		<-done
	}
}

// awaitUnobserved waits until the bus counts no more.
func awaitUnobserved(b *testing.B, bus *weakbus.Bus) {
	for range 1000 {
		before := published(bus)
		weakbus.Publish(bus, score{})
		if published(bus) == before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatal("the bus is still observed")
}

func published(bus *weakbus.Bus) int { return bus.Stats().Topics[0].Published }
