// Package peers gives the event buses that are compared one face: a [Bus] of a few functions.
//
// An adapter adds nothing to a delivery: it hands the library a method value of the shape that the
// library calls, or a method expression to weakbus. Which setting of a library it uses, and why,
// is in the documentation of the module's command.
package peers

// Tick is the event.
type Tick struct{ Points int }

// Type identifies the event to kelindar/event.
func (Tick) Type() uint32 { return 1 }

// topic names the event to the libraries that route by name.
const topic = "tick"

// Kind says where handlers run.
type Kind string

const (
	// Reference is no bus but the least that a delivery costs.
	Reference Kind = "reference"
	// Sync handlers have run when Publish returns.
	Sync Kind = "sync"
	// Async handlers run on other goroutines.
	Async Kind = "async"
	// Queued handlers run where [Bus.Deliver] is called.
	Queued Kind = "queued"
)

// Peer is a library in one of its settings.
type Peer struct {
	Name string
	// Module is the library's path, under which the build information has its version.
	Module string
	Kind   Kind
	// Goroutines says that every subscriber has a goroutine of its own.
	Goroutines bool
	// Serial says that concurrent publishes are outside of what the library promises.
	Serial bool
	// Burst is the number of events between two waits at which the peer does best; zero is any.
	Burst int
	New   func() Bus
}

// Bus is one bus of a peer, for one type of event.
type Bus struct {
	Publish func(Tick)
	// Subscribe returns what cancels the subscription, nil where nothing does.
	Subscribe func(Receiver) (cancel func())
	// SubscribeForever, where it is set, is a cheaper Subscribe without cancellation.
	SubscribeForever func(Receiver)
	// Deliver, where it is set, calls the handlers of what was published.
	Deliver func()
	// Close, where it is set, closes the bus as its documentation says.
	Close func()
}

// Add subscribes r for as long as the bus lives.
func (b *Bus) Add(r Receiver) {
	if b.SubscribeForever != nil {
		b.SubscribeForever(r)
		return
	}
	b.Subscribe(r)
}

// All returns the libraries, each in the setting it is known for, behind the two references.
func All() []Peer {
	return []Peer{
		strongLoop(), weakLoop(),
		weakbusTopic(), weakbusBus(),
		eventBus(), signalsSync(), roSubject(), baduTopic(), ebu(), gookit(), mustafaturan(), simonfxr(),
		kelindar(), cskr(), broadcaster(), tailscale(), libp2p(), gochannel(),
	}
}

// Deferred returns what delivers later or elsewhere: the asynchronous libraries, and the
// asynchronous settings of the others.
func Deferred() []Peer {
	return []Peer{
		weakbusQueue(), weakbusAsync(),
		eventBusAsync(), signalsAsync(), baduAsync(), ebuAsync(), gookitAsync(), simonfxrAsync(),
		kelindar(), cskr(), broadcaster(), tailscale(), libp2p(), gochannel(),
	}
}

// Checked returns the buses whose behaviour is compared: weakbus in each of its settings, and the
// other libraries in the one that they are known for.
func Checked() []Peer {
	checked := []Peer{weakbusTopic(), weakbusQueue(), weakbusAsync()}
	for _, p := range All() {
		if p.Kind != Reference && p.Module != weakbusModule {
			checked = append(checked, p)
		}
	}
	return checked
}
