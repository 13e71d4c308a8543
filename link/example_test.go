package link_test

import (
	"context"
	"fmt"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/link/linktest"
)

type Order struct{ ID string }

type Kitchen struct{ done chan bool }

func (k *Kitchen) Cook(o Order) {
	fmt.Println("cooking", o.ID)
	k.done <- true
}

// Two buses stand for two processes; natslink or natslocal take the place of linktest in a program.
func Example() {
	ctx := context.Background()
	var hub linktest.Hub
	counter, kitchenBus := weakbus.New(), weakbus.New()
	for _, bus := range []*weakbus.Bus{counter, kitchenBus} {
		l := link.Open(bus, hub.Join())
		defer l.Close(ctx)
		if err := link.Share[Order](l, "orders"); err != nil {
			fmt.Println(err)
		}
	}
	kitchen := &Kitchen{make(chan bool)}
	weakbus.Subscribe(kitchenBus, kitchen, (*Kitchen).Cook)
	weakbus.Publish(counter, Order{"soup"})
	<-kitchen.done
	// Output: cooking soup
}
