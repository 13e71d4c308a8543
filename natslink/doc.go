// Package natslink is a transport of package link over NATS.
//
//	nc, err := nats.Connect(url, nats.NoEcho(), nats.MaxReconnects(-1), nats.UserCredentials(file))
//	...
//	l := link.Open(bus, natslink.New(nc, "shop"))
//
// The caller's connection carries TLS, credentials and handlers, and stays the caller's: closing the link leaves
// it open. Three options of nats.Connect matter. NoEcho saves the way back of each event that is
// published and listened to by one process. MaxReconnects(-1) has the connection come back for ever, where the
// default gives up after some minutes. ReconnectBufSize bounds what waits while the server is away.
//
// New delivers at most once, NewDurable at least once, through JetStream.
package natslink
