package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbusdebug"
)

// Found is published by a search window for each line that it finds.
type Found struct{ Number int }

// Count counts what the search windows find.
type Count struct {
	title string
	found int
}

// OnFound counts.
func (c *Count) OnFound(Found) { c.found++ }

// debug tells the story on a bus that a page shows, and then keeps the bus busy until ctx is done.
func debug(ctx context.Context, address string, out io.Writer, name string, lines []string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" {
		host = "127.0.0.1" // the page would answer nobody else
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	bus := weakbus.New(weakbus.WithSites())
	page := weakbusdebug.New(bus, weakbusdebug.Record())
	mux := http.NewServeMux()
	mux.Handle("/debug/bus/", page)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, "The bus is shown at http://%s/debug/bus/ until you interrupt.\n\n", listener.Addr())

	if err = show(out, bus, name, lines); err == nil {
		err = goOn(ctx, bus, lines, served)
	}
	_ = page.Close()
	_ = server.Close()
	return err
}

// goOn publishes the lines again and again, and opens and drops search windows meanwhile.
func goOn(ctx context.Context, bus *weakbus.Bus, lines []string, served <-chan error) error {
	words, longest, count := &Words{title: "words"}, &Longest{}, &Count{title: "count"}
	weakbus.Subscribe(bus, words, (*Words).OnLine, weakbus.Label("words"))
	weakbus.Subscribe(bus, longest, (*Longest).OnLine, weakbus.Label("longest"))
	weakbus.Subscribe(bus, count, (*Count).OnFound, weakbus.Async(16, weakbus.DropOldest), weakbus.Label("count"))
	defer runtime.KeepAlive([]any{words, longest, count})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var search *Search
	for i := 0; ; i++ {
		switch i % 200 {
		case 0:
			search = openSearch(bus)
		case 150: // the window is closed, and nobody unsubscribes it
			runtime.KeepAlive(search)
			search = nil
			runtime.GC()
		}
		weakbus.Publish(bus, Line{i%len(lines) + 1, lines[i%len(lines)]})
		select {
		case <-tick.C:
		case err := <-served:
			return err
		case <-ctx.Done():
			runtime.KeepAlive(search)
			return bus.Close()
		}
	}
}

// openSearch opens a window that publishes what it finds.
func openSearch(bus *weakbus.Bus) *Search {
	search := &Search{heard: new(int), word: "rabbit", screen: make([]byte, screenBytes)}
	weakbus.Subscribe(bus, search, func(w *Search, l Line) {
		before := len(w.found)
		if w.OnLine(l); len(w.found) > before {
			weakbus.Publish(bus, Found{l.Number})
		}
	}, weakbus.Label("search for "+search.word))
	return search
}
