package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/event"
)

// startLimit is how long it may take to compile a plugin, which is a matter of seconds, and to run
// its init functions.
const startLimit = time.Minute

// Plugin is the one object by which a plugin hears events. The bus holds it weakly.
type Plugin struct {
	name string
	host *Host
	subs weakbus.Scope
	end  sync.Once

	mu        sync.Mutex // serialises calls: a module has one thread
	module    api.Module
	functions map[string]api.Function // those of the guest package
	stderr    *head                   // not a part of Plugin: the module refers to it
}

// start compiles and instantiates the module, which runs its init functions.
func (p *Plugin) start(ctx context.Context, code []byte) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	p.stderr = new(head)
	p.module, err = p.host.runtime.InstantiateWithConfig(ctx, code, wazero.NewModuleConfig().
		WithName(""). // without a name there may be several instances
		WithArgs(p.name).
		WithStartFunctions("_initialize").
		WithStderr(p.stderr))
	if err != nil {
		return p.explain(err, startLimit)
	}
	if p.functions, err = exported(p.module); err != nil {
		return errors.Join(err, p.module.Close(ctx))
	}
	// The safety net for a Plugin that is dropped but not closed: the runtime keeps its module,
	// and the module does not refer to the Plugin.
	runtime.AddCleanup(p, func(m api.Module) { _ = m.Close(context.Background()) }, p.module)
	return nil
}

// exported returns the functions that the module must have to be a plugin.
func exported(m api.Module) (map[string]api.Function, error) {
	functions := make(map[string]api.Function)
	for _, name := range []string{"buffer", "line", "ask"} {
		if functions[name] = m.ExportedFunction(name); functions[name] == nil {
			return nil, fmt.Errorf("not a plugin: it exports no function %q", name)
		}
	}
	return functions, nil
}

// listen subscribes p. The handlers are method expressions, so they do not keep it alive.
func (p *Plugin) listen() {
	weakbus.SubscribeContext(p.host.bus, p, (*Plugin).onLine, weakbus.In(&p.subs), weakbus.Label(p.name))
	weakbus.SubscribeContext(p.host.bus, p, (*Plugin).onAsk, weakbus.In(&p.subs), weakbus.Label(p.name))
}

func (p *Plugin) onLine(ctx context.Context, l event.Line) error { return p.handle(ctx, "line", l) }
func (p *Plugin) onAsk(ctx context.Context, a event.Ask) error   { return p.handle(ctx, "ask", a) }

// handle hands the event to the plugin, and publishes what the plugin published. It holds no lock
// then, so whoever hears that may publish lines again. An error ends the plugin.
func (p *Plugin) handle(ctx context.Context, function string, e any) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	reports, err := p.call(ctx, function, data)
	for _, r := range reports {
		r.Plugin = p.name
		weakbus.Publish(p.host.bus, r)
	}
	if err != nil {
		p.finish(err) // without waiting: this is a handler
	}
	return err
}

// call calls a function of the module with data. If that fails, the module is closed.
func (p *Plugin) call(ctx context.Context, function string, data []byte) ([]event.Report, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.module.IsClosed() {
		return nil, nil // a call failed that this one waited for
	}
	c := new(call)
	p.stderr.reset()
	// A publisher that gives up is no reason to close the plugin, so only the deadline is.
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), callKey{}, c), p.host.deadline)
	defer cancel()
	err := p.write(ctx, data)
	if err == nil {
		_, err = p.functions[function].Call(ctx, uint64(len(data)))
	}
	switch {
	case err != nil:
		err = p.explain(err, p.host.deadline)
	case c.failure != nil:
		err = c.failure
	default:
		return c.reports, nil
	}
	return c.reports, errors.Join(err, p.module.Close(ctx))
}

// write puts data where the plugin wants it.
func (p *Plugin) write(ctx context.Context, data []byte) error {
	at, err := p.functions["buffer"].Call(ctx, uint64(len(data)))
	if err != nil {
		return err
	}
	if len(at) != 1 || !p.module.Memory().Write(uint32(at[0]), data) {
		return errors.New("the plugin's buffer is not in its memory")
	}
	return nil
}

// explain says what happened in one line, and in the terms of a plugin's author.
func (p *Plugin) explain(err error, limit time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded)
	}
	reason := err.Error() // with a stack of addresses
	if p.stderr.Len() > 0 {
		reason = p.stderr.String() // what Go says of a panic
	}
	reason, _, _ = strings.Cut(reason, "\n")
	return errors.New(reason)
}

// close unloads the plugin.
func (p *Plugin) close(ctx context.Context) error {
	if err := p.subs.CloseWait(ctx); err != nil {
		return fmt.Errorf("unload plugin %s: %w", p.name, err)
	}
	err := p.module.Close(ctx) // nobody is in it any more
	p.finish(nil)
	return err
}

// finish ends a plugin whose module is closed, and tells why.
func (p *Plugin) finish(reason error) {
	p.end.Do(func() {
		_ = p.subs.Close()
		p.host.remove(p)
		weakbus.Publish(p.host.bus, Unloaded{p.name, reason})
	})
}

// head keeps the beginning of what a plugin writes to its standard error in one call, which is
// where Go writes the reason of a panic.
type head struct{ strings.Builder }

const headLimit = 1024

func (h *head) Write(data []byte) (int, error) {
	room := min(len(data), headLimit-h.Len())
	h.Builder.Write(data[:room])
	return len(data), nil
}

func (h *head) reset() { h.Builder.Reset() }
