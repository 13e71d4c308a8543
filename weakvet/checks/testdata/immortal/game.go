package immortal

import wb "github.com/weakbus/weakbus"

type Damage struct{ Target, Amount int }

type Body struct{ x, y float64 }

func (b *Body) OnDamageOf(_ *Entity, e Damage) {}

type Entity struct {
	Body
	*Counters
	id, health int
}

type Counters struct{ hits int }

func (s *Counters) OnDamageOf(_ *Entity, e Damage) {}
func (s *Counters) OnHit(_ *Entity, e Damage)      {}
func (b *Body) OnPush(_ *Entity, e Damage)         {}

func spawn(bus *wb.Bus, n int) (all []*Entity) {
	for i := range n {
		entity := &Entity{id: i}
		wb.Subscribe(wb.TopicOf[Damage](bus).At(i), entity, func(_ *Entity, e Damage) {
			entity.health -= e.Amount // want `captures entity`
		})
		all = append(all, entity)
	}
	for i, entity := range all {
		wb.Subscribe(bus, entity, func(_ *Entity, e Damage) { all[i].health -= e.Amount }) // through the slice: not seen
		wb.Subscribe(bus, entity, func(_ *Entity, e Damage) { entity.health -= e.Amount }) // want `captures entity`
		wb.Subscribe(bus, entity, entity.Body.OnDamageOf)                                  // want `bound to entity.Body`
		wb.Subscribe(bus, entity, entity.Counters.OnDamageOf)                              // an object of its own
	}
	for _, entity := range all {
		wb.Subscribe(bus, entity, entity.OnPush) // want `bound to entity`
		wb.Subscribe(bus, entity, entity.OnHit)  // of what it embeds by pointer
	}
	for _, entity := range all {
		wb.Subscribe(bus, entity, func(entity *Entity, e Damage) { entity.health -= e.Amount })
	}
	return all
}

// A variable that changes is not certain to be the receiver when the handler runs.
func changing(bus *wb.Bus, entity *Entity) {
	wb.Subscribe(bus, entity, func(_ *Entity, e Damage) { entity.health -= e.Amount })
	entity = nil
}

func slices(bus *wb.Bus, entities []Entity) {
	wb.Subscribe(bus, &entities[0], func(_ *Entity, e Damage) { entities[1].health = 0 }) // want `captures entities`
}

var player Entity

// A package-level variable is not captured, and never dies anyway.
func global(bus *wb.Bus) {
	wb.Subscribe(bus, &player, func(_ *Entity, e Damage) { player.health -= e.Amount })
}

func generic[T any](bus *wb.Bus, box *Box[T]) {
	wb.Subscribe(bus, box, func(_ *Box[T], e Damage) { box.Open(e) }) // want `captures box`
	wb.Subscribe(bus, box, (*Box[T]).Open)
}

type Box[T any] struct {
	content T
	open    []string
}

func (b *Box[T]) Open(Damage) {}
