// Package copied has copies of what must not be copied, and corrected twins.
package copied

import (
	"sync"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"
)

type Click struct{}

type Window struct {
	subs    weakbus.Scope
	Clicked weakbus.Topic[Click]
	icons   weakcache.Cache[string, Window]
}

type Veto struct{ weakbus.Request[string] }

func mistakes(w *Window, all []Window, v *Veto) {
	subs := w.subs          // want `assignment copies lock value to subs: github.com/weakbus/weakbus.Scope contains`
	clicked := w.Clicked    // want `copies lock value to clicked`
	icons := w.icons        // want `copies lock value to icons`
	take(*w)                // want `call of take copies lock value`
	for _, w := range all { // want `range var w copies lock`
		_ = w.subs.Len()
	}
	veto := *v // want `copies lock value to veto`
	_, _, _, _ = subs.Len(), clicked.Len(), icons.Len(), veto.Replies()
}

func take(w Window) {} // want `take passes lock by value`

func corrected(w *Window, all []Window, mu *sync.Mutex) {
	subs, clicked, icons := &w.subs, &w.Clicked, &w.icons
	_, _, _ = subs.Len(), clicked.Len(), icons.Len()
	for i := range all {
		_ = all[i].subs.Len()
	}
	other := *mu // is nothing of weakbus's
	_ = &other
	//weakvet:ignore copied nothing has been subscribed yet
	again := w.subs
	_ = again.Len()
}
