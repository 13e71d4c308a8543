package immortal

import . "github.com/weakbus/weakbus"

type Hit struct{ Speed int }

type Paddle struct{ y, score int }

func (p *Paddle) OnHit(e Hit) { p.score += e.Speed }

func (p *Paddle) OnHitOf(_ *Paddle, e Hit) { p.score += e.Speed }

type Pong struct {
	left, right Paddle
	paddles     [2]Paddle
}

// What shares an allocation with the receiver is kept with it, but is not the receiver: the
// parameter cannot take its place.
func siblings(bus *Bus, g *Pong) {
	other := &g.right
	Subscribe(bus, &g.left, func(_ *Paddle, e Hit) { other.OnHit(e) })                      // want `the handler captures other, which lies in the same allocation as the receiver, and keeps it alive`
	Subscribe(bus, &g.left, func(p *Paddle, e Hit) { other.score += p.y })                  // want `captures other, which lies in the same allocation`
	Subscribe(bus, &g.left, other.OnHitOf)                                                  // want `is bound to other, which lies in the same allocation`
	Subscribe(bus, &g.left, (*Paddle).OnHit, Filter(func(Hit) bool { return other.y > 0 })) // want `captures other, which lies in the same allocation as the receiver`
	left := &g.left
	Subscribe(bus, left, func(_ *Paddle, e Hit) { other.OnHit(e) }) // want `captures other, which lies`
	first, second := &g.paddles[0], &g.paddles[1]
	Subscribe(bus, first, func(_ *Paddle, e Hit) { second.OnHit(e) }) // want `captures second, which lies`
}

// Without the handler's use of it, nothing would use the variable.
func lastUse(bus *Bus, p *Paddle) {
	q := p
	Subscribe(bus, p, func(_ *Paddle, e Hit) { q.OnHit(e) }) // want `the handler captures q, its own receiver`
	r := p
	Subscribe(bus, p, func(param *Paddle, e Hit) { r.score = e.Speed }) // want `captures r, its own receiver`
}
