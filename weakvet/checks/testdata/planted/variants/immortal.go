package variants

import (
	"context"
	"log/slog"
	"time"

	"github.com/weakbus/weakbus"
)

type Game struct {
	bus   *weakbus.Bus
	subs  weakbus.Scope
	huds  []*HUD
	cur   *HUD
	index map[int]*HUD
	log   *slog.Logger
}

type Player struct {
	hud  *HUD
	name string
}

func NewGame(bus *weakbus.Bus) *Game { return &Game{bus: bus} }

func (g *Game) appendedAndReturned() *HUD {
	h := &HUD{}
	weakbus.SubscribeFunc(g.bus, g.bus.Scope(), h.OnScore) // planted: bus scope, appended and returned
	g.huds = append(g.huds, h)
	return h
}

func scopeInVariable(bus *weakbus.Bus) (*HUD, error) {
	h := &HUD{}
	scope := bus.Scope()
	weakbus.SubscribeFunc(bus, scope, func(e Score) { h.OnScore(e) }) // planted: bus scope in a variable
	return h, nil
}

func returnedAsField(bus *weakbus.Bus) *Player {
	h := &HUD{}
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore) // planted: returned as a field
	return &Player{hud: h}
}

func madeInField(bus *weakbus.Bus, p *Player) {
	p.hud = &HUD{}
	weakbus.SubscribeFunc(bus, bus.Scope(), p.hud.OnScore) // planted: made in a field
}

func handedOver(bus *weakbus.Bus, reg func(*HUD)) {
	h := NewQuiet()
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore) // planted: handed to a function
	reg(h)
}

func (g *Game) sameOwner(id int) {
	h := &HUD{}
	weakbus.SubscribeFunc(g.bus, &g.subs, h.OnScore) // planted: kept by the owner of the scope
	g.index[id] = h
}

func (g *Game) sentAway(ch chan<- *HUD) {
	h := &HUD{}
	weakbus.SubscribeFunc(g.bus, &g.subs, func(e Score) { h.points++ }) // planted: sent to a channel
	ch <- h
}

func appendedFilter(bus *weakbus.Bus, h *HUD) {
	var opts []weakbus.SubscribeOption
	opts = append(opts, weakbus.Once())
	opts = append(opts, weakbus.Filter(func(s Score) bool { return s.Points > h.points })) // planted: appended filter
	weakbus.Subscribe(bus, h, (*HUD).OnScore, opts...)
}

func optionsWithCapacity(bus *weakbus.Bus, h *HUD) {
	opts := make([]weakbus.SubscribeOption, 0, 2)
	opts = append(opts, weakbus.Filter(func(s Score) bool { return s.Points > h.points })) // planted: options with capacity
	weakbus.Subscribe(bus, h, (*HUD).OnScore, opts...)
}

func (h *HUD) options() []weakbus.SubscribeOption {
	return []weakbus.SubscribeOption{weakbus.Filter(func(s Score) bool { return s.Points > h.points })}
}

func optionsOfMethod(bus *weakbus.Bus, h *HUD) {
	weakbus.Subscribe(bus, h, (*HUD).OnScore, h.options()...) // planted: options of a method
}

func (h *HUD) filter() weakbus.SubscribeOption {
	return weakbus.Filter(func(s Score) bool { return s.Points > h.points })
}

func optionOfMethod(bus *weakbus.Bus, h *HUD) {
	weakbus.Subscribe(bus, h, (*HUD).OnScore, h.filter()) // planted: option of a method
}

func (h *HUD) handler() func(*HUD, Score) {
	return func(_ *HUD, e Score) { h.points += e.Points }
}

func (h *HUD) boundHandler() func(Score) { return h.OnScore }

func (h *HUD) Start(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, h, h.handler()) // planted: handler of a method
}

func boundHandlerOfMethod(bus *weakbus.Bus) *HUD {
	h := &HUD{}
	weakbus.SubscribeFunc(bus, bus.Scope(), h.boundHandler()) // planted: method value of a method
	return h
}

type Callbacks struct {
	OnScore func(*HUD, Score)
	OnTick  func(*HUD, Tick)
}

func assignedCallback(bus *weakbus.Bus, h *HUD) {
	cb := Callbacks{}
	cb.OnScore = func(_ *HUD, e Score) { h.points++ } // planted: assigned callback
	weakbus.Subscribe(bus, h, cb.OnScore)
}

func callbackInLiteral(bus *weakbus.Bus, h *HUD) {
	cb := &Callbacks{OnTick: func(_ *HUD, e Tick) { h.Draw() }} // planted: callback in a literal
	weakbus.Subscribe(bus, h, cb.OnTick)
}

type Widget struct {
	name    string
	onScore func(*Widget, Score)
}

func NewWidget(bus *weakbus.Bus) *Widget {
	w := &Widget{name: "w"}
	w.onScore = func(_ *Widget, e Score) { w.name = "x" }
	w.listen(bus)
	return w
}

func (w *Widget) listen(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, w, w.onScore) // planted: function field set by the constructor
}

func throughParent(bus *weakbus.Bus, p *Player) {
	weakbus.Subscribe(bus, p.hud, func(_ *HUD, e Score) { p.hud.OnScore(e) }) // planted: through the parent
}

func throughParentOfVariable(bus *weakbus.Bus, p *Player) {
	hud := p.hud
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { p.hud.OnScore(e) }) // planted: through the parent, in a variable
}

func storedInParent(bus *weakbus.Bus, p *Player) {
	hud := &HUD{}
	p.hud = hud
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { p.hud.OnScore(e) }) // planted: stored in the parent
}

func (p *Player) throughMethodOfParent(bus *weakbus.Bus) {
	p.hud = &HUD{}
	weakbus.Subscribe(bus, p.hud, func(_ *HUD, e Score) { p.refresh(e) }) // planted: through a method of the parent
}

func (p *Player) refresh(e Score) { p.hud.OnScore(e) }

func methodValueOfParent(bus *weakbus.Bus, p *Player) {
	weakbus.Subscribe(bus, p.hud, (func(_ *HUD, e Score))(p.onHUD)) // planted: method value of the parent
}
func (p *Player) onHUD(_ *HUD, e Score) { p.hud.points++ }

func copiedTwice(bus *weakbus.Bus, h *HUD) {
	self := h
	me := self
	weakbus.Subscribe(bus, h, func(_ *HUD, e Score) { me.points++ }) // planted: copied twice
}

func behindInterface(bus *weakbus.Bus, h *HUD) {
	var i interface{ OnScore(Score) } = h
	weakbus.Subscribe(bus, h, func(_ *HUD, e Score) { i.OnScore(e) }) // planted: behind an interface
}

func methodValueInVariable(bus *weakbus.Bus, h *HUD) {
	f := h.OnScore
	weakbus.Subscribe(bus, h, func(_ *HUD, e Score) { f(e) }) // planted: method value in a variable
}

func timerInHandler(bus *weakbus.Bus, h *HUD) {
	weakbus.Subscribe(bus, h, func(_ *HUD, e Score) { time.AfterFunc(time.Second, h.Draw) }) // planted: timer in the handler
}

func adapt(f func(Score)) func(*HUD, Score) { return func(_ *HUD, e Score) { f(e) } }

func adapted(bus *weakbus.Bus, h *HUD) {
	weakbus.Subscribe(bus, h, adapt(h.OnScore)) // planted: adapter
}

func adaptG[T, E any](f func(E)) func(*T, E) { return func(_ *T, e E) { f(e) } }

func adaptedGenerically(bus *weakbus.Bus, h *HUD) {
	weakbus.Subscribe(bus, h, adaptG[HUD](h.OnScore)) // planted: generic adapter
}

type Bind struct{ bus *weakbus.Bus }

func NewBind(bus *weakbus.Bus) *Bind { return &Bind{bus: bus} }

func (b *Bind) To(h *HUD, f func(Score)) {
	weakbus.Subscribe(b.bus, h, func(_ *HUD, e Score) { f(e) })
}

func bound(b *Bind, h *HUD) {
	b.To(h, h.OnScore) // planted: helper with a bus of its own
}

func loop(bus *weakbus.Bus) *HUD {
	h := &HUD{}
	go func() {
		for e := range weakbus.Events[Score](context.Background(), bus) {
			h.OnScore(e) // planted: loop over events
		}
	}()
	return h
}

var shared = weakbus.New()

func packageLevelBus() *HUD {
	h := &HUD{}
	weakbus.SubscribeFunc(shared, shared.Scope(), h.OnScore) // planted: bus at package level
	return h
}

func (h *HUD) listenForever(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore) // planted: method under the bus scope
}

type Server struct {
	bus   *weakbus.Bus
	scope *weakbus.Scope
}

func (s *Server) open() *HUD {
	h := &HUD{}
	weakbus.SubscribeFunc(s.bus, s.scope, h.OnScore) // planted: scope in a field
	return h
}

func scopeOfParameter(bus *weakbus.Bus, parent *Window) *Window {
	w := &Window{}
	weakbus.SubscribeFunc(bus, &parent.subs, func(Score) { w.w++ }) // planted: scope of a parameter
	return w
}

func givenScope(bus *weakbus.Bus, scope *weakbus.Scope) *Window {
	w := &Window{}
	weakbus.SubscribeFunc(bus, scope, func(Score) { w.w++ }) // planted: scope that is given
	return w
}

func valueVariable(bus *weakbus.Bus) *Window {
	w := Window{title: "x"}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { w.w++ }) // planted: variable that is no pointer
	return &w
}

func elements(bus *weakbus.Bus, huds []*HUD) {
	for i := range huds {
		weakbus.Subscribe(bus, huds[i], func(_ *HUD, e Score) { huds[i].points++ }) // planted: element of a slice
	}
}

func declaredBefore(bus *weakbus.Bus, h *HUD) {
	var handle func(*HUD, Score)
	handle = func(_ *HUD, e Score) { h.points++ } // planted: variable declared before
	weakbus.Subscribe(bus, h, handle)
}

func conditionalHandler(bus *weakbus.Bus, h *HUD, big bool) {
	handle := (*HUD).OnScore
	if big {
		handle = func(_ *HUD, e Score) { h.points += 2 * e.Points } // planted: handler with two values
	}
	weakbus.Subscribe(bus, h, handle)
}

func namedResult(bus *weakbus.Bus) (h *HUD) {
	h = &HUD{}
	weakbus.Subscribe(bus, h, func(_ *HUD, e Score) { h.points++ }) // planted: named result
	return h
}

func namedResultBusScope(bus *weakbus.Bus) (h *HUD) {
	h = &HUD{}
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore) // planted: named result, bus scope
	return h
}
