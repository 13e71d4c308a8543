package main

import (
	"bytes"
	"fmt"
	"go/format"
)

// library is what a generated program uses.
type library int

const (
	weakbus library = iota
	badu
	sliceOfFuncs
	libraries // how many there are
)

func (l library) String() string { return [...]string{"weakbus", "badu/bus", "slices of functions"}[l] }

// Modules that generated programs import.
const (
	weakbusModule = "github.com/weakbus/weakbus"
	baduModule    = "github.com/badu/bus"
)

// program describes a generated program.
type program struct {
	library           library
	receivers, events int
	mixed             bool // all kinds of subscriptions and publishes; for weakbus only
}

func (p program) String() string {
	name := p.library.String()
	if p.mixed {
		name += ", mixed"
	}
	return fmt.Sprintf("%s, %d receivers, %d event types", name, p.receivers, p.events)
}

// kind is the way in which a receiver subscribes.
type kind int

const (
	plain kind = iota
	scoped
	withContext
	onceAsync
	keyed
	kinds // how many there are
)

// kind returns the kind of receiver r. The kind moves on with each round through the event types,
// because their number may be a multiple of the number of kinds: all receivers of a type would be of one kind.
func (p program) kind(r int) kind {
	if !p.mixed {
		return plain
	}
	return kind((r + r/p.events) % int(kinds))
}

// source returns the program, formatted. nonce makes it differ from all others.
func (p program) source(nonce string) ([]byte, error) {
	w := &writer{}
	w.line("package main")
	p.imports(w)
	for e := range p.events {
		w.line("type E%d struct { a, b int; s%[1]d string }", e)
	}
	for r := range p.receivers {
		p.receiver(w, r)
	}
	if p.library == sliceOfFuncs {
		for e := range p.events {
			w.line("var f%d []func(E%[1]d)", e)
		}
	}
	w.line("func main() {")
	p.open(w)
	for r := range p.receivers {
		w.line("x%d := &T%[1]d{}", r)
		p.subscribe(w, r)
	}
	for e := range p.events {
		p.publish(w, e)
	}
	if p.mixed {
		w.line("queue.Drain()")
		w.line("_ = bus.Close() // waits for Async")
	}
	for r := range p.receivers {
		w.line("println(x%d.n%[1]d)", r)
	}
	w.line("println(%q)", nonce)
	w.line("}")
	return format.Source(w.Bytes())
}

func (p program) imports(w *writer) {
	if p.mixed {
		w.line("import %q", "context")
	}
	switch p.library {
	case weakbus:
		w.line("import %q", weakbusModule)
	case badu:
		w.line("import %q", baduModule)
	}
}

// receiver declares the type of receiver r. Its first field has a name of its own, without which
// the compiler would share code between receivers whose arrays have the same length.
func (p program) receiver(w *writer, r int) {
	w.line("type T%d struct { n%[1]d int; p *int; q [%d]int }", r, r%7+1)
	if p.kind(r) == withContext {
		w.line("func (t *T%d) On(_ context.Context, e E%d) error { t.n%[1]d += e.a; return nil }", r, r%p.events)
		return
	}
	w.line("func (t *T%d) On(e E%d) { t.n%[1]d += e.a }", r, r%p.events)
}

// open begins main.
func (p program) open(w *writer) {
	if p.library != weakbus {
		return
	}
	w.line("bus := weakbus.New()")
	if p.mixed {
		w.line("scope, queue, ctx := bus.Scope(), weakbus.NewQueue(bus), context.Background()")
	}
}

func (p program) subscribe(w *writer, r int) {
	e := r % p.events
	switch p.library {
	case badu:
		w.line("bus.Sub(func(e E%d) { x%d.On(e) })", e, r)
		return
	case sliceOfFuncs:
		w.line("f%d = append(f%[1]d, func(e E%[1]d) { x%d.On(e) })", e, r)
		return
	}
	switch p.kind(r) {
	case plain:
		w.line("weakbus.Subscribe(bus, x%d, (*T%[1]d).On)", r)
	case scoped:
		w.line("weakbus.SubscribeFunc(bus, scope, func(e E%d) { x%d.On(e) })", e, r)
	case withContext:
		w.line("weakbus.SubscribeContext(bus, x%d, (*T%[1]d).On)", r)
	case onceAsync:
		w.line("weakbus.Subscribe(bus, x%d, (*T%[1]d).On, weakbus.Once(), weakbus.Async(8, weakbus.Block))", r)
	case keyed:
		w.line("weakbus.Subscribe(weakbus.TopicOf[E%d](bus).At(%d), x%[2]d, (*T%[2]d).On)", e, r)
	}
}

func (p program) publish(w *writer, e int) {
	switch {
	case p.library == badu:
		w.line("bus.Pub(E%d{a: 1})", e)
	case p.library == sliceOfFuncs:
		w.line("for _, f := range f%d { f(E%[1]d{a: 1}) }", e)
	case p.mixed && e%3 == 0:
		w.line("_ = weakbus.Post(queue, E%d{a: 1})", e)
	case p.mixed && e%3 == 1:
		w.line("_, _ = weakbus.PublishContext(ctx, bus, E%d{a: 1})", e)
	default:
		w.line("weakbus.Publish(bus, E%d{a: 1})", e)
	}
}

// writer collects lines of source.
type writer struct{ bytes.Buffer }

func (w *writer) line(text string, args ...any) { fmt.Fprintf(w, text+"\n", args...) }
