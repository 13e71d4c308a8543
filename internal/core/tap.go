package core

import (
	"slices"
	"sync"
)

// tap sees the events of a topic before its subscribers do.
type tap struct {
	publish any // func(context.Context, TopicInfo, E) error; nil: none
	info    any // the TopicInfo of the topic itself, boxed once for all publishes to it
}

// Tap adds a tap to the topic, which must not be a sub-topic. interest is told what becomes active
// and idle; either function may be nil.
func (t *Topic) Tap(publish any, interest func(TopicInfo, bool)) (stop func()) {
	x := &tap{publish, t.info()}
	if publish != nil {
		t.changeTaps(func(all []*tap) []*tap { return append(slices.Clip(all), x) })
	}
	var m *mover
	if interest != nil {
		m = t.Bus.move(t, func(i TopicInfo) { interest(i, true) }, func(i TopicInfo) { interest(i, false) })
		t.Bus.tracer.pump()
	}
	return sync.OnceFunc(func() {
		t.changeTaps(func(all []*tap) []*tap {
			return slices.DeleteFunc(slices.Clone(all), func(y *tap) bool { return x == y })
		})
		t.Bus.tracer.still(m)
	})
}

func (t *Topic) changeTaps(with func([]*tap) []*tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*tap
	if old := t.rare().taps.Load(); old != nil {
		all = *old
	}
	if all = with(all); len(all) == 0 {
		t.makeRare().taps.Store(nil)
	} else {
		t.makeRare().taps.Store(&all)
	}
	t.remode()
}

// tap shows an event to the taps of the topic that it is published to.
func (t *Topic) tap(o *Outcome, h *Hand) {
	taps := t.root().rare().taps.Load()
	if taps == nil || t.Bus.closed.Load() {
		return
	}
	var info any
	if t.Branch != nil {
		info = t.info()
	}
	for _, x := range *taps {
		if t.Branch == nil {
			info = x.info
		}
		if err, _ := h.Do(Tell, x.publish, info, contextOr(o.Ctx)).(error); err != nil {
			o.tapped(t.Bus, err)
		}
	}
}

// tapped notes the error of a tap. PublishContext returns it; Publish logs it, now and then.
func (o *Outcome) tapped(b *Bus, err error) {
	if o.Strict {
		o.Errs = append(o.Errs, err)
		return
	}
	n := int(b.tracer.tapErrors.Add(1))
	if crossesPowerOfTen(n-1, n) {
		b.logger().Error("weakbus: a tap failed: "+err.Error(), "failures so far", n)
	}
}
