//go:build wasip1

// Command misbehaving is three plugins that do what a plugin should not. Which of them it is
// depends on the name that it is loaded by.
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
	}
	return fmt.Errorf("name %q: use failing, panicking or looping", m.how)
}

func (misbehaving) Ask() error { return nil }

func init() { guest.Serve(misbehaving{os.Args[0]}) }

func main() {}
