// Package linktest has a transport of package link within one process, for tests of programs whose events
// cross processes: each bus of the test stands for a process.
package linktest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/weakbus/weakbus/link"
)

// Hub is an engine in memory. The zero value is ready to use. Its methods are safe for concurrent use.
type Hub struct {
	mu    sync.Mutex
	peers []*Peer
}

// Join returns a transport that reaches the others of the hub. Each message is delivered once to each peer
// that asked for it, in the order of sending, on a goroutine of the receiving peer that exists while there is
// something to deliver. A message also comes back to the peer that sent it: a link refuses it.
func (h *Hub) Join() *Peer {
	p := &Peer{hub: h, asked: map[int]ask{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.peers = append(h.peers, p)
	return p
}

// Send is what a program does that does not use package link: the message reaches all that asked for its
// subject.
func (h *Hub) Send(m *link.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.peers {
		p.put(m)
	}
}

// Asked returns the subjects that peers have asked for, sorted, one for each call of Receive that is not
// stopped.
func (h *Hub) Asked() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, p := range h.peers {
		p.mu.Lock()
		for _, a := range p.asked {
			all = append(all, a.subject)
		}
		p.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

// Peer is a link.Transport. Hub.Join makes one.
type Peer struct {
	hub *Hub

	mu     sync.Mutex
	next   int
	asked  map[int]ask
	wait   []delivery
	busy   bool
	idle   []chan struct{}
	closed bool
}

type ask struct {
	subject string
	all     bool
	handle  func(*link.Message)
}

type delivery struct {
	m      *link.Message
	handle func(*link.Message)
}

// ErrClosed is returned by Send and Receive after Close.
var ErrClosed = errors.New("linktest: the peer is closed")

// Send hands the message to the hub.
func (p *Peer) Send(_ context.Context, m *link.Message) error {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return ErrClosed
	}
	p.hub.Send(m)
	return nil
}

// put has the message delivered if it was asked for. The hub calls it for one message at a time.
func (p *Peer) put(m *link.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.asked {
		if m.Subject == a.subject || a.all && strings.HasPrefix(m.Subject, a.subject+".") {
			p.wait = append(p.wait, delivery{copyOf(m), a.handle})
			if !p.busy {
				p.busy = true
				go p.run()
			}
			return
		}
	}
}

func copyOf(m *link.Message) *link.Message {
	return &link.Message{Name: m.Name, Subject: m.Subject, Header: maps.Clone(m.Header), Data: slices.Clone(m.Data), Done: m.Done}
}

func (p *Peer) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.wait) > 0 {
		d := p.wait[0]
		p.wait = p.wait[1:]
		p.mu.Unlock()
		d.handle(d.m)
		p.mu.Lock()
	}
	p.busy = false
	for _, c := range p.idle {
		close(c)
	}
	p.idle = nil
}

// Receive asks for messages.
func (p *Peer) Receive(_, subject string, all bool, handle func(*link.Message)) (stop func() error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	id := p.next
	p.next++
	p.asked[id] = ask{subject, all, handle}
	return func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.asked, id)
		return nil
	}, nil
}

// Sync returns at once: the hub knows everything when Send and Receive return.
func (p *Peer) Sync(ctx context.Context) error { return ctx.Err() }

// Close delivers what this peer has accepted, and leaves the hub.
func (p *Peer) Close(ctx context.Context) error {
	p.hub.mu.Lock()
	p.hub.peers = slices.DeleteFunc(p.hub.peers, func(x *Peer) bool { return x == p })
	p.hub.mu.Unlock()
	p.mu.Lock()
	p.closed = true
	if !p.busy {
		p.mu.Unlock()
		return nil
	}
	idle := make(chan struct{})
	p.idle = append(p.idle, idle)
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
