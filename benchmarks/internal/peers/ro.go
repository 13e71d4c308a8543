package peers

import (
	"context"

	"github.com/samber/ro"
)

func roSubject() Peer {
	return Peer{Name: "samber/ro", Module: "github.com/samber/ro", Kind: Sync, New: func() Bus {
		ctx := context.Background()
		subject := ro.NewPublishSubject[Tick]()
		return Bus{
			Publish: func(e Tick) { subject.NextWithContext(ctx, e) },
			Subscribe: func(r Receiver) func() {
				return subject.SubscribeWithContext(ctx, ro.OnNextWithContext(r.ContextHandler())).Unsubscribe
			},
			Close: subject.Complete,
		}
	}}
}
