package natslocal_test

import (
	"context"
	"fmt"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
	"github.com/weakbus/weakbus/natslocal"
)

type Saved struct{ File string }

type Window struct{ seen chan string }

func (w *Window) Saved(s Saved) { w.seen <- s.File }

// Two processes of one machine call Local with the same arguments; here one process does so twice.
func ExampleLocal() {
	ctx := context.Background()
	window := &Window{make(chan string, 16)}
	var editor *weakbus.Bus
	for range 2 {
		t, err := natslocal.Local("127.0.0.1:7423", "a token that the processes share", "editor")
		if err != nil {
			fmt.Println(err)
			return
		}
		bus := weakbus.New()
		l := link.Open(bus, t)
		defer l.Close(ctx)
		if err := link.Share[Saved](l, "saved"); err != nil {
			fmt.Println(err)
		}
		if editor == nil {
			editor = bus
			continue
		}
		weakbus.Subscribe(bus, window, (*Window).Saved)
		if err := l.Sync(ctx); err != nil {
			fmt.Println(err)
		}
	}
	weakbus.Publish(editor, Saved{"notes.txt"})
	fmt.Println("saved", <-window.seen)
	// Output: saved notes.txt
}

// A server for the buses of one process.
func ExampleEmbedded() {
	ctx := context.Background()
	server, err := natslocal.Embedded("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	nc, err := server.Connect()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	bus := weakbus.New()
	l := link.Open(bus, natslink.New(nc, "editor"))
	defer l.Close(ctx)
	fmt.Println(link.Share[Saved](l, "saved"), l.Sync(ctx))
	// Output: <nil> <nil>
}
