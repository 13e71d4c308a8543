// Package natslocal is package link with nothing to install: a NATS server in the process itself.
//
//	t, err := natslocal.Local("127.0.0.1:7422", token, "shop")
//	...
//	l := link.Open(bus, t)
//
// Local joins the processes of one machine. Whoever comes first has the server; when that process ends,
// also if it is killed, another takes its place within a second. Embedded is for one process.
//
// The server is never reached from another machine. Programs that outgrow one machine run a NATS server of
// their own, and take natslink.
package natslocal
