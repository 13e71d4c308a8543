//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

type auditable interface{ Audit() string }

// login has it with a value receiver, transfer with a pointer receiver.
type login struct{ user string }

func (l login) Audit() string { return "login " + l.user }

type transfer struct {
	amount int
	who    *string
}

func (t *transfer) Audit() string { return fmt.Sprint("transfer ", t.amount) }

type auditor struct {
	log   []string
	other *int
}

func (a *auditor) audit(e auditable) { a.log = append(a.log, e.Audit()) }
func (a *auditor) any(e any)         { a.log = append(a.log, fmt.Sprintf("any %T", e)) }

func TestInterface_HearsWhatImplementsIt(t *testing.T) {
	for _, first := range []string{"interface", "concrete"} {
		t.Run(first+" first", func(t *testing.T) {
			bus := weakbus.New()
			a, all, d := &auditor{}, &auditor{}, &node{}
			defer runtime.KeepAlive(d)
			interfaces := func() {
				weakbus.Subscribe(bus, a, (*auditor).audit)
				weakbus.Subscribe(bus, all, (*auditor).any)
			}
			if first == "interface" {
				interfaces()
			}
			weakbus.Subscribe(bus, d, (*node).hear)
			weakbus.SubscribeFunc(bus, bus.Scope(), func(login) {})
			weakbus.SubscribeFunc(bus, bus.Scope(), func(*transfer) {})
			weakbus.SubscribeFunc(bus, bus.Scope(), func(transfer) {})
			if first == "concrete" {
				interfaces()
			}
			assert.Equal(t, 3, weakbus.Publish(bus, login{"ann"}), "its own, auditable, any")
			assert.Equal(t, 3, weakbus.Publish(bus, &transfer{amount: 5}))
			assert.Equal(t, 2, weakbus.Publish(bus, transfer{amount: 6}), "the value does not have the method")
			assert.Equal(t, 2, weakbus.Publish(bus, note{1}))
			assert.Equal(t, 1, weakbus.Publish(bus, 3.14), "a type that nobody subscribed to")
			assert.Equal(t, 2, weakbus.Publish(bus, &login{"bob"}), "a pointer has the methods of the value")
			assert.Equal(t, []string{"login ann", "transfer 5", "login bob"}, a.log)
			assert.Equal(t, []string{"any weakbus_test.login", "any *weakbus_test.transfer", "any weakbus_test.transfer",
				"any weakbus_test.note", "any float64", "any *weakbus_test.login"}, all.log)
		})
	}
}

func TestPublish_RoutesAnInterfaceValueByItsDynamicType(t *testing.T) {
	bus := weakbus.New()
	a, d := &auditor{}, &node{}
	weakbus.Subscribe(bus, d, (*node).hear)
	assert.Equal(t, 1, weakbus.Publish[any](bus, note{1}))
	assert.Zero(t, weakbus.Publish[any](bus, login{"nobody"}))
	assert.Zero(t, weakbus.Publish[any](bus, nil))
	weakbus.Subscribe(bus, a, (*auditor).audit)
	assert.Equal(t, 1, weakbus.Publish[any](bus, login{"ann"}))
	assert.Equal(t, 1, weakbus.Publish[auditable](bus, login{"bob"}))
	assert.Equal(t, 1, weakbus.TopicOf[auditable](bus).Publish(login{"cid"}))
	assert.Zero(t, weakbus.Publish[auditable](bus, nil))
	ran, err := weakbus.PublishContext[any](t.Context(), bus, login{"dan"})
	require.NoError(t, err)
	assert.Equal(t, 1, ran)
	ran, err = weakbus.PublishContext[fmt.Stringer](t.Context(), bus, nil)
	require.NoError(t, err)
	assert.Zero(t, ran)
	assert.Equal(t, []string{"login ann", "login bob", "login cid", "login dan"}, a.log)
	assert.Equal(t, []int{1}, d.heard)
}

func TestInterface_OutsideABusATopicIsItsOwn(t *testing.T) {
	var topic weakbus.Topic[auditable]
	a := &auditor{}
	weakbus.Subscribe(&topic, a, (*auditor).audit)
	assert.Equal(t, 1, topic.Publish(login{"ann"}))
	assert.Equal(t, 1, topic.Publish(&transfer{amount: 1}))
	runtime.KeepAlive(a)
}

func TestInterface_KeyedAndConcrete(t *testing.T) {
	bus := weakbus.New()
	a, keyed := &auditor{}, &auditor{}
	weakbus.Subscribe(bus, a, (*auditor).audit)
	weakbus.Subscribe(weakbus.TopicOf[auditable](bus).At(1), keyed, (*auditor).audit)
	assert.Equal(t, 1, weakbus.TopicOf[login](bus).At(7).Publish(login{"ann"}), "reaches the parent, and with it the interface")
	assert.Equal(t, 2, weakbus.TopicOf[auditable](bus).At(1).Publish(login{"bob"}))
	assert.Equal(t, []string{"login ann", "login bob"}, a.log)
	assert.Equal(t, []string{"login bob"}, keyed.log)
}

func TestInterface_StopPanicsAndOrder(t *testing.T) {
	var reported int
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { reported++ }))
	var log []string
	weakbus.SubscribeFunc(bus, bus.Scope(), func(any) { log = append(log, "any") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*stoppable) { log = append(log, "own"); panic("own") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(interface{ Stop() }) { log = append(log, "stop") })
	assert.Equal(t, 3, weakbus.Publish(bus, &stoppable{}))
	assert.Equal(t, []string{"own", "any", "stop"}, log, "its own first, then the interfaces in the order in which they came")
	assert.Equal(t, 1, reported)
	e := &stoppable{}
	e.Stop()
	assert.Zero(t, weakbus.Publish(bus, e))
}

func TestInterface_WhoSubscribesDuringAPublishHearsTheNext(t *testing.T) {
	bus := weakbus.New()
	a, late, d := &auditor{}, &auditor{}, &node{}
	weakbus.Subscribe(bus, a, (*auditor).any)
	defer runtime.KeepAlive(d)
	weakbus.Subscribe(bus, d, (*node).hear)
	d.on = func(note) {
		d.on = nil
		weakbus.Subscribe(bus, late, (*auditor).any)
		weakbus.Subscribe(bus, late, (*auditor).audit)
	}
	assert.Equal(t, 2, weakbus.Publish(bus, note{1}))
	assert.Empty(t, late.log)
	assert.Equal(t, 3, weakbus.Publish(bus, note{2}))
	runtime.KeepAlive(a)
}

func TestInterface_IsWeakAndStopsCosting(t *testing.T) {
	bus := weakbus.New()
	d := &node{}
	weakbus.Subscribe(bus, d, func(*node, note) {})
	weakbus.Subscribe(bus, &auditor{}, (*auditor).any) //weakvet:ignore vanishing it is to be collected
	until(t, "the auditor", func() bool { return weakbus.TopicOf[any](bus).Len() == 0 })
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
	if !raceEnabled {
		assert.Zero(t, testing.AllocsPerRun(100, func() { weakbus.Publish(bus, note{1}) }), "an event nobody boxes")
	}
	runtime.KeepAlive(d)
}

func TestGenericEventTypes_AreDistinct(t *testing.T) { // [MVVM Toolkit WithGenericTypeParameters]
	type event[T any] struct{ v T }
	type score int
	bus := weakbus.New()
	var got []string
	weakbus.SubscribeFunc(bus, bus.Scope(), func(event[int]) { got = append(got, "event[int]") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(event[string]) { got = append(got, "event[string]") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(score) { got = append(got, "score") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(int) { got = append(got, "int") })
	weakbus.Publish(bus, event[string]{})
	weakbus.Publish(bus, event[int]{})
	weakbus.Publish(bus, score(1))
	weakbus.Publish(bus, 1)
	assert.Equal(t, []string{"event[string]", "event[int]", "score", "int"}, got)
}

// An event by its dynamic type, without a topic of its own: what is to be looked at between two calls is, also
// where the subscribers of the interface have been called before.
func TestPublish_ByDynamicTypeLooksBetweenTwoCalls(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("OnPanic, ", n), func(t *testing.T) {
			told := 0
			bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { told++ }))
			for range n {
				weakbus.SubscribeFunc(bus, bus.Scope(), func(any) { panic("oops") })
			}
			for round := range 8 {
				assert.NotPanics(t, func() { assert.Equal(t, n, weakbus.Publish[any](bus, note{1})) })
				assert.Equal(t, n*(round+1), told)
			}
		})
		t.Run(fmt.Sprint("Stopper, ", n), func(t *testing.T) {
			bus := weakbus.New()
			heard := 0
			for range n {
				weakbus.SubscribeFunc(bus, bus.Scope(), func(e any) {
					heard++
					if s, ok := e.(*stoppable); ok {
						s.Stop()
					}
				})
			}
			weakbus.SubscribeFunc(bus, bus.Scope(), func(interface{ Stop() }) { heard++ }) // a leg of its own
			for range 8 {
				weakbus.Publish[any](bus, note{1})
			}
			heard = 0
			assert.Equal(t, 1, weakbus.Publish[any](bus, &stoppable{}))
			assert.Equal(t, 1, heard)
		})
	}
}
