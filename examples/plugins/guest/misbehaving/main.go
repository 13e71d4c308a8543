//go:build wasip1

// Command misbehaving does what a plugin should not. What that is depends on the name that it is
// loaded by.
package main

import (
	"fmt"
	"os"

	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/guest"
)

type misbehaving struct{ how string }

func (m misbehaving) Line(l event.Line) error {
	switch m.how {
	case "failing":
		return fmt.Errorf("cannot make sense of line %d", l.Number)
	case "panicking":
		panic("out of paper")
	case "looping":
		for {
		}
	case "flooding":
		for {
			guest.Publish("more")
		}
	}
	return fmt.Errorf("no misbehaviour is called %q", m.how)
}

func (misbehaving) Ask() error { return nil }

func init() {
	if os.Args[0] == "early" {
		guest.Publish("before the host is ready")
	}
	guest.Serve(misbehaving{os.Args[0]})
}

func main() {}
