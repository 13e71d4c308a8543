package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslocal"
)

// drain tells Update that the queue has something.
type drain struct{}

// call is an event from another process, on its way to the goroutine of Update.
type call func()

// model is the Bubble Tea program. Everything in it belongs to the goroutine of Update.
type model struct {
	author string
	bus    *weakbus.Bus
	queue  *weakbus.Queue
	link   *link.Link
	local  *natslocal.Transport
	notes  *notes
	tally  *tally // nil while it is closed
	input  string
	height int
	failed atomic.Pointer[link.Error]
}

func (m *model) run(f call) { f() }

// join makes a model whose board is shared with the other processes at addr.
func join(author, addr, token string) (*model, error) {
	local, err := natslocal.Local(addr, token, "terminal")
	if err != nil {
		return nil, err
	}
	m := &model{author: author, bus: weakbus.New(), local: local, height: 24}
	m.notes = newNotes(m.bus)
	m.link = link.Open(m.bus, local, link.OnError(func(e *link.Error) { m.failed.Store(e) }), link.Via(func(f func()) {
		_ = weakbus.Post(m.queue, call(f)) // the queue is never closed, and Post waits for room
	}))
	return m, nil
}

// program returns the program. What other processes send goes through the queue: its Wake tells Bubble Tea that there is
// something, on a goroutine of its own, since Send waits while Update is at work.
func (m *model) program(opts ...tea.ProgramOption) (*tea.Program, error) {
	p := tea.NewProgram(m, opts...)
	m.queue = weakbus.NewQueue(m.bus, weakbus.WhenFull(weakbus.Block), weakbus.QueueLabel("other processes"),
		weakbus.Wake(func() { go p.Send(drain{}) }))
	weakbus.Subscribe(m.bus, m, (*model).run)
	return p, link.Share[Posted](m.link, "board.posted")
}

// leave ends the link when the program has ended. What still comes is published here meanwhile.
func (m *model) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	drained := make(chan struct{})
	draining, stop := context.WithCancel(ctx)
	go func() {
		defer close(drained)
		_ = m.queue.Run(draining) // ends with draining
	}()
	err := m.link.Close(ctx)
	stop()
	<-drained
	return err
}

// Init is the first command: there is none.
func (m *model) Init() tea.Cmd { return nil }

// Update handles keys, and what other processes have posted.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case drain:
		m.queue.Drain()
	case tea.WindowSizeMsg:
		m.height = msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "esc":
			return m, tea.Quit
		case "tab":
			if m.tally == nil {
				m.tally = newTally(m.bus)
			} else {
				m.tally = nil // that is all: the bus holds it weakly
			}
		case "backspace":
			if r := []rune(m.input); len(r) > 0 {
				m.input = string(r[:len(r)-1])
			}
		case "enter":
			if text := strings.TrimSpace(m.input); text != "" {
				weakbus.Publish(m.bus, Posted{m.author, text})
			}
			m.input = ""
		default:
			m.input += msg.Text
		}
	}
	return m, nil
}

// View draws the panels.
func (m *model) View() tea.View {
	role := "a guest"
	if m.local.Host() {
		role = "the host"
	}
	s := m.link.Stats()
	status := fmt.Sprintf("%s is %s · sent %d · received %d · enter posts, tab opens and closes a panel, esc ends", m.author, role, s.Sent, s.Received)
	if e := m.failed.Load(); e != nil {
		status += "\n" + e.Error()
	}
	parts := []string{status, "", m.notes.view(max(3, m.height-6))}
	if m.tally != nil {
		parts = append(parts, m.tally.view())
	}
	return tea.NewView(strings.Join(append(parts, "> "+m.input), "\n"))
}
