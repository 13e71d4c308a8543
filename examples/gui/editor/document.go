package editor

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"

	"github.com/weakbus/weakbus"
)

// Changed is the event of a document that changed. It carries the whole document as it is from
// then on, so that who hears it later, on another goroutine, need not ask for anything.
type Changed struct {
	Name    string
	Version int      // counts the changes
	Lines   []string // never written again
}

// Goto is the event of somebody asking to see a line of the document. The first line is 0.
type Goto struct{ Line int }

// Document is a text that grows. Its methods are safe for concurrent use, as a model's should be:
// an importer, an autosave or a network connection need not know of the user interface.
type Document struct {
	bus     *weakbus.Bus
	mu      sync.Mutex // makes reading the last event and publishing the next one step
	changed *weakbus.Topic[Changed]
}

// NewDocument returns an empty document that publishes [Changed] to bus. The bus is for this
// document alone: it retains the last event, which is the document.
func NewDocument(bus *weakbus.Bus, name string) *Document {
	d := &Document{bus: bus, changed: weakbus.TopicOf[Changed](bus)}
	d.changed.Retain()
	d.changed.Publish(Changed{Name: name})
	return d
}

// Append adds lines to the end. It publishes while it holds the document's lock, so that the
// events come in the order of the changes: a handler that appends must not run on this goroutine.
func (d *Document) Append(lines ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, _ := d.changed.Last()
	next.Version++
	next.Lines = append(next.Lines, lines...) // writes behind the end of every earlier event
	d.changed.Publish(next)
}

// Import appends what r holds, line by line with a pause after each, until r ends or ctx is
// done. It returns the error of either; lines are at most 64 kB long.
func (d *Document) Import(ctx context.Context, r io.Reader, pause time.Duration) error {
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			return lines.Err()
		}
		d.Append(lines.Text())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
