package editor_test

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/gui/editor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mainLoop is a test driver whose fyne.Do does what that of a desktop does: it queues functions
// for the main goroutine, here the test's. The test driver's own calls them at once, on
// whichever goroutine it is called on.
type mainLoop struct {
	fyne.Driver
	mu    sync.Mutex
	tasks []func()
}

// app is a test app with that driver.
type app struct {
	fyne.App
	loop *mainLoop
}

func (a app) Driver() fyne.Driver { return a.loop }

func newMainLoop(t *testing.T) *mainLoop {
	a := test.NewTempApp(t)
	loop := &mainLoop{Driver: a.Driver()}
	fyne.SetCurrentApp(app{a, loop})
	return loop
}

// DoFromGoroutine is what fyne.Do calls. Nothing here waits for its task.
func (l *mainLoop) DoFromGoroutine(task func(), wait bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = append(l.tasks, task)
}

// step runs the task that was queued first, and reports whether there was one.
func (l *mainLoop) step() bool {
	l.mu.Lock()
	if len(l.tasks) == 0 {
		l.mu.Unlock()
		return false
	}
	task := l.tasks[0]
	l.tasks = slices.Delete(l.tasks, 0, 1) // which clears the place behind the last one
	l.mu.Unlock()
	task()
	return true
}

// run runs all tasks and returns how many there were.
func (l *mainLoop) run() (n int) {
	for l.step() {
		n++
	}
	return n
}

// newDocument returns a document with some lines.
func newDocument(lines ...string) (*weakbus.Bus, *editor.Document) {
	bus := weakbus.New()
	doc := editor.NewDocument(bus, "test.txt")
	doc.Append(lines...)
	return bus, doc
}

// alice returns the text that the quickstart has too.
func alice(t *testing.T) string {
	text, err := os.ReadFile("../../quickstart/alice.txt")
	require.NoError(t, err)
	return string(text)
}

// following returns how many widgets follow the document of bus.
func following(bus *weakbus.Bus) int { return weakbus.TopicOf[editor.Changed](bus).Len() }

// objects returns o and what is inside it, as it is drawn.
func objects(o fyne.CanvasObject) []fyne.CanvasObject {
	all, inside := []fyne.CanvasObject{o}, []fyne.CanvasObject(nil)
	switch o := o.(type) {
	case *fyne.Container:
		inside = o.Objects
	case fyne.Widget:
		inside = test.WidgetRenderer(o).Objects()
	}
	for _, o := range inside {
		all = append(all, objects(o)...)
	}
	return all
}

// find returns the first widget of type W inside o that is wanted.
func find[W fyne.CanvasObject](t *testing.T, o fyne.CanvasObject, wanted func(W) bool) W {
	for _, o := range objects(o) {
		if w, ok := o.(W); ok && wanted(w) {
			return w
		}
	}
	require.FailNow(t, "no such widget")
	panic("unreachable")
}

func whichever[W any](W) bool { return true }

// tap taps the check of that name.
func tap(t *testing.T, o fyne.CanvasObject, name string) {
	test.Tap(find(t, o, func(c *widget.Check) bool { return c.Text == name }))
}

// texts returns what the labels inside o say, a line each.
func texts(o fyne.CanvasObject) string {
	var all []string
	for _, o := range objects(o) {
		if label, ok := o.(*widget.Label); ok {
			all = append(all, label.Text)
		}
	}
	return strings.Join(all, "\n")
}

// collected runs the collector until the object is gone, but not for ever.
func collected[T any](object weak.Pointer[T]) bool {
	for range 100 {
		if runtime.GC(); object.Value() == nil {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}
