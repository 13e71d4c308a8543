// Package link has the events of a bus cross processes. It knows no engine: a Transport does, as those of
// natslink (NATS), natslocal (the processes of one machine) and watermilllink (Kafka, AMQP, SQL and others).
// It imports the standard library and weakbus alone.
//
//	bus := weakbus.New()
//	l := link.Open(bus, natslink.New(nc, "shop"))
//	defer l.Close(ctx)
//	err := link.Share[Placed](l, "orders.placed")
//
// From then on Publish and Subscribe do what they always do, and two things more. What is published here goes to
// the other processes; what they publish reaches the subscribers here. Interest follows the subscribers:
// while nobody listens to a type the process does not receive it, and when the collector has taken the last
// listener it stops receiving it.
//
// # Names and keys
//
// The name of a type's events is the contract between processes. It is given, and not derived from the Go
// type, so that types can move and other languages can join. An event that is published to a keyed sub-topic
// travels under the name and its keys, with a dot before each. Bytes of a key outside [A-Za-z0-9_-] are
// written as = and two hexadecimal digits. Keys are strings unless Keys says how to read them.
//
// # What is promised
//
// A publish hands the event to the transport before its handlers run, on the publisher's goroutine. So one
// publisher's events are sent in the order in which it published them, whatever their types, and what a
// handler publishes comes after what it handles. Whether an event may be lost is for the transport to say.
//
// An event is not published again by the bus that it came from, and no event goes in circles, also where a bus has
// several links: what comes in by one link goes out by the others, with the list of where it has been. Where
// two ways lead from one bus to another, an event arrives by both.
//
// A link is not a remote call. The int that Publish returns counts the handlers of this process, their
// errors do not travel, and a Request is answered here or not at all.
package link
