package natslocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/weakbus/weakbus/natslink"
)

// ErrToken reports that the processes at this address have another token. Test for it with errors.Is.
var ErrToken = errors.New("natslocal: another process has this address, with another token")

// ErrForeign reports that a program which is no NATS server has the port. Test for it with errors.Is.
var ErrForeign = errors.New("natslocal: another program has this address")

// Transport is a link.Transport of one process among those of a machine. Local makes one. It is that of
// natslink.New, at most once; what is published while a server takes the place of another one may be lost.
type Transport struct {
	*natslink.Transport
	nc   *nats.Conn
	addr string
	host string
	port int
	tok  string

	mu     sync.Mutex
	srv    *server.Server // nil: another process has it
	closed bool

	once sync.Once
	err  error
}

// Local joins the processes of one machine that name the same address, token and prefix. addr is on the loopback
// interface, as 127.0.0.1:7422. Who has the token may hear and send everything; it must not be empty, for every user
// of the machine reaches the loopback interface. A file that only this user can read is a
// place for it.
//
// Local returns ErrToken if the processes that are there have another token, and ErrForeign if
// another program has the port. opts are for the connection; options that Local needs itself come after
// them. Close of the link closes the connection, and the server if this process has it.
func Local(addr, token, prefix string, opts ...nats.Option) (*Transport, error) {
	host, port, err := loopback(addr)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errors.New("natslocal: an empty token; every user of this machine could join")
	}
	t := &Transport{addr: net.JoinHostPort(host, strconv.Itoa(port)), host: host, port: port, tok: token}
	if err := t.join(opts); err != nil {
		t.leave()
		return nil, err
	}
	t.Transport = natslink.New(t.nc, prefix)
	return t, nil
}

// join starts a server or finds one. That of another process may come or go at the same time.
func (t *Transport) join(opts []nats.Option) error {
	all := append(append([]nats.Option{}, opts...),
		nats.Token(t.tok), nats.NoEcho(), nats.MaxReconnects(-1), nats.IgnoreDiscoveredServers(), nats.IgnoreAuthErrorAbort(), nats.Timeout(2*time.Second),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			_ = t.serve() // or somebody else has
			return time.Duration(min(attempts+1, 8)) * 10 * time.Millisecond
		}))
	var err error
	for wait := 5 * time.Millisecond; wait < 2*time.Second; wait *= 2 {
		taken := t.serve()
		if t.nc, err = nats.Connect("nats://"+t.addr, all...); err == nil {
			return nil
		}
		switch {
		case errors.Is(err, nats.ErrAuthorization):
			return fmt.Errorf("%w (%s)", ErrToken, t.addr)
		case taken != nil && !errors.Is(err, nats.ErrNoServers):
			return fmt.Errorf("%w (%s): %w", ErrForeign, t.addr, err)
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("natslocal: %s: %w", t.addr, err)
}

// serve starts the server here, if no other process has the port.
func (t *Transport) serve() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.srv != nil {
		return nil
	}
	ln, err := net.Listen("tcp", t.addr) // says at once, and costs less than a server, whether there is one
	if err != nil {
		return err
	}
	if err := ln.Close(); err != nil {
		return err
	}
	o := options()
	o.Host, o.Port, o.Authorization = t.host, t.port, t.tok
	t.srv, err = run(o)
	return err
}

// Conn returns the connection, for what natslink does not do. It is closed with the link.
func (t *Transport) Conn() *nats.Conn { return t.nc }

// Host reports whether this process has the server.
func (t *Transport) Host() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.srv != nil
}

// Close delivers what was accepted, and leaves: it closes the connection, and the server if this
// process has it, so that another one takes its place.
func (t *Transport) Close(ctx context.Context) error {
	t.once.Do(func() {
		t.err = t.Transport.Close(ctx)
		t.leave()
	})
	return t.err
}

func (t *Transport) leave() {
	if t.nc != nil {
		t.nc.Close()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.srv != nil {
		t.srv.Shutdown()
		t.srv.WaitForShutdown()
		t.srv = nil
	}
}
