// Command tutorial does in Go what weak-reference tutorials do in other languages: a weak
// reference that gives the object or nothing, callbacks and a cache that do not keep their objects
// alive, and the two common mistakes.
//
//	go run ./examples/tutorial
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"weak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"
)

// Document is the object that is referred to weakly.
type Document struct {
	title string
	saved int
}

// Saved is an event.
type Saved struct{ Path string }

// OnSaved is a callback.
func (d *Document) OnSaved(Saved) { d.saved++ }

// Point is a value that the runtime may never free by itself: small, and without pointers.
type Point struct{ X, Y int32 }

// OnSaved is a callback that the bus will not take.
func (p *Point) OnSaved(Saved) {}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tutorial:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	for _, part := range []func(io.Writer) error{reference, callbacks, cache, neverCollected, unchecked} {
		if err := part(out); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}

// reference is the basic use: the value while somebody else holds it, then nothing.
func reference(out io.Writer) error {
	fmt.Fprintln(out, "1. A weak reference")
	doc := &Document{title: "report"}
	ref := weak.Make(doc)
	fmt.Fprintf(out, "   while the document is held:  %q\n", ref.Value().title)
	runtime.KeepAlive(doc) // up to here, and no further
	doc = nil
	if err := collect(func() bool { return ref.Value() == nil }); err != nil {
		return err
	}
	fmt.Fprintf(out, "   after it was dropped:        %v\n", ref.Value())
	return nil
}

// callbacks is the use that the bus is made for.
func callbacks(out io.Writer) error {
	fmt.Fprintln(out, "2. Callbacks that do not keep their objects alive")
	bus := weakbus.New()
	kept, dropped := &Document{title: "kept"}, &Document{title: "dropped"}
	weakbus.Subscribe(bus, kept, (*Document).OnSaved)
	sub := weakbus.Subscribe(bus, dropped, (*Document).OnSaved)
	fmt.Fprintf(out, "   two documents listen:        %d called\n", weakbus.Publish(bus, Saved{"a.txt"}))
	runtime.KeepAlive(dropped)
	dropped = nil
	if err := collect(func() bool { return sub.State() == weakbus.Collected }); err != nil {
		return err
	}
	fmt.Fprintf(out, "   after one was dropped:       %d called\n", weakbus.Publish(bus, Saved{"b.txt"}))
	fmt.Fprintf(out, "   the subscription is now:     %v\n", sub.State())
	runtime.KeepAlive(kept)
	return nil
}

// Path is a key that can be referred to weakly too.
type Path struct{ name string }

// cache is the second use: values by key, for as long as somebody else holds them. The usual way
// to write one, a map of weak references, keeps the key of each dead value.
func cache(out io.Writer) error {
	fmt.Fprintln(out, "3. A cache that does not keep its values alive")
	byHand := make(map[string]weak.Pointer[Document])
	var open weakcache.Cache[*Path, Document]
	doc, path := &Document{title: "report"}, &Path{"report.txt"}
	byHand[path.name] = weak.Make(doc)
	open.Put(path, doc)
	found, _ := open.Get(path)
	fmt.Fprintf(out, "   while the document is held:  found %q\n", found.title)

	key := weak.Make(path)
	runtime.KeepAlive(doc)
	doc, found, path = nil, nil, nil
	if err := collect(func() bool { return key.Value() == nil }); err != nil {
		return err
	}
	fmt.Fprintf(out, "   after it was dropped:        %d in the cache, and its key is %v\n", open.Len(), key.Value())
	fmt.Fprintf(out, "   a map written by hand:       %d key of a document that is %v\n", len(byHand), byHand["report.txt"].Value())
	return nil
}

// neverCollected is the first mistake: a weak reference to what is never collected. The bus
// refuses it.
func neverCollected(out io.Writer) (err error) {
	fmt.Fprintln(out, "4. Mistake: a weak reference to a value that is never collected")
	bus := weakbus.New()
	defer func() {
		fmt.Fprintln(out, "   the bus refuses, and says what to do:")
		for line := range strings.SplitSeq(wrap(fmt.Sprint(recover()), 72), "\n") {
			fmt.Fprintln(out, "     ", line)
		}
	}()
	weakbus.Subscribe(bus, &Point{1, 2}, (*Point).OnSaved) //weakvet:ignore uncollectable that is the mistake
	return fmt.Errorf("the bus took a receiver that is never collected")
}

// unchecked is the second mistake: to use a reference without looking whether the object is
// still there. A handler cannot make it: it is called with the object, or not at all.
func unchecked(out io.Writer) error {
	fmt.Fprintln(out, "5. Mistake: to assume that the object is still alive")
	doc := &Document{title: "report"}
	ref := weak.Make(doc)
	bus := weakbus.New()
	weakbus.Subscribe(bus, doc, (*Document).OnSaved)
	runtime.KeepAlive(doc)
	doc = nil
	if err := collect(func() bool { return ref.Value() == nil }); err != nil {
		return err
	}
	fmt.Fprintf(out, "   ref.Value().title would be:  %v\n", crash(func() { _ = ref.Value().title }))
	fmt.Fprintf(out, "   the bus checks by itself:    %d called, no crash\n", weakbus.Publish(bus, Saved{"c.txt"}))
	return nil
}

// crash returns what f panics with.
func crash(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}

// collect runs the collector until done. One run is mostly enough; the runtime promises none.
func collect(done func() bool) error {
	for range 100 {
		if runtime.GC(); done() {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("a dropped object is still alive after 100 collections")
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		if column > 0 && column+1+len(word) > width {
			b.WriteByte('\n')
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
