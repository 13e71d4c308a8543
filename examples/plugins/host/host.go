// Package host loads WebAssembly plugins and connects them to a bus.
//
// Each plugin is one subscriber object, a Plugin: the bus holds it weakly, the Host's list
// strongly. To unload it is to close its Scope, to wait until none of its handlers runs, to close its
// module and to drop it. Should somebody drop it and no more, the bus forgets it with the next
// collection and its module is closed then, so its memory goes all the same.
package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/weakbus/weakbus"
)

// ErrNotLoaded reports that no plugin of that name is loaded. Test for it with errors.Is.
var ErrNotLoaded = errors.New("plugin is not loaded")

// ErrLoaded reports that a plugin of that name is loaded already.
var ErrLoaded = errors.New("plugin is loaded already")

// ErrClosed reports that the host was closed.
var ErrClosed = errors.New("host is closed")

// Loaded is published when a plugin begins to hear events.
type Loaded struct{ Plugin string }

// Unloaded is published when a plugin has ended.
type Unloaded struct {
	Plugin string
	// Err is nil after Unload, Reload and Close, and else what the plugin did wrong.
	Err error
}

// memoryLimit is what one plugin may use, in WebAssembly's pages of 64 KiB.
const memoryLimit = 1024

// Config says where a Host finds its plugins and how long it waits for them.
type Config struct {
	// Dir is the directory with the plugins: files with the extension .wasm. The host keeps
	// their machine code in its subdirectory cache, since to compile it takes seconds.
	Dir string
	// Deadline is how long a plugin may take for one event. Zero is a second.
	Deadline time.Duration
}

// Host runs plugins. Its methods are safe for concurrent use. Unload, Reload and Close wait for
// handlers that are running, so they must not be called from a handler.
type Host struct {
	bus      *weakbus.Bus
	dir      fs.FS
	deadline time.Duration
	cache    wazero.CompilationCache
	runtime  wazero.Runtime

	mu      sync.Mutex
	plugins map[string]*Plugin // by name; nil after Close
}

// New returns a Host whose plugins hear the events of bus and publish there. It loads none. The
// caller must Close it.
func New(ctx context.Context, bus *weakbus.Bus, c Config) (*Host, error) {
	cache, err := wazero.NewCompilationCacheWithDir(filepath.Join(c.Dir, "cache"))
	if err != nil {
		return nil, fmt.Errorf("cache for plugins: %w", err)
	}
	h := &Host{
		bus: bus, dir: os.DirFS(c.Dir), deadline: c.Deadline, cache: cache, plugins: make(map[string]*Plugin),
		runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
			WithCompilationCache(cache).
			WithMemoryLimitPages(memoryLimit).
			WithCloseOnContextDone(true)), // what stops a plugin that loops for ever
	}
	if h.deadline == 0 {
		h.deadline = time.Second
	}
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, h.runtime); err == nil {
		err = exportFunctions(ctx, h.runtime)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	return h, nil
}

// LoadAll loads all plugins of the directory, in the order of their names. One that cannot be
// loaded does not keep the others from it.
func (h *Host) LoadAll(ctx context.Context) error {
	files, err := fs.Glob(h.dir, "*.wasm")
	if err == nil && len(files) == 0 {
		err = errors.New("there are no plugins in the directory")
	}
	for _, file := range files {
		err = errors.Join(err, h.Load(ctx, strings.TrimSuffix(file, ".wasm")))
	}
	return err
}

// Load loads the plugin NAME.wasm, which hears events from then on.
func (h *Host) Load(ctx context.Context, name string) error {
	if err := h.load(ctx, name); err != nil {
		return fmt.Errorf("load plugin %s: %w", name, err)
	}
	return nil
}

func (h *Host) load(ctx context.Context, name string) error {
	if err := h.add(name, nil); err != nil {
		return err
	}
	code, err := fs.ReadFile(h.dir, name+".wasm")
	if err != nil {
		return err
	}
	p := &Plugin{name: name, host: h}
	if err = p.start(ctx, code); err != nil {
		return err
	}
	if err = h.add(name, p); err != nil {
		return errors.Join(err, p.module.Close(ctx))
	}
	weakbus.Publish(h.bus, Loaded{name})
	p.listen()
	return nil
}

// add puts p into the list. If p is nil, it just says whether that could be done.
func (h *Host) add(name string, p *Plugin) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.plugins == nil:
		return ErrClosed
	case h.plugins[name] != nil:
		return ErrLoaded
	case p != nil:
		h.plugins[name] = p
	}
	return nil
}

// Loaded returns the names of the plugins that are loaded, sorted.
func (h *Host) Loaded() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.plugins))
}

// Unload ends the plugin. When it returns nil, no handler of the plugin is running and
// its module is closed. If ctx is done before that, the plugin hears nothing more, and what it
// has is freed when it has returned.
func (h *Host) Unload(ctx context.Context, name string) error {
	h.mu.Lock()
	p := h.plugins[name]
	delete(h.plugins, name)
	h.mu.Unlock()
	if p == nil {
		return fmt.Errorf("unload plugin %s: %w", name, ErrNotLoaded)
	}
	return p.close(ctx)
}

// Reload unloads the plugin and loads it anew, from its file as it is now. It starts from
// nothing, and does not hear what is published between the two.
func (h *Host) Reload(ctx context.Context, name string) error {
	if err := h.Unload(ctx, name); err != nil {
		return err
	}
	return h.Load(ctx, name)
}

// Drop forgets the plugin and does nothing else. It shows what becomes of a plugin that somebody
// forgot to unload: it hears events until the next garbage collection.
func (h *Host) Drop(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plugins[name] == nil {
		return fmt.Errorf("drop plugin %s: %w", name, ErrNotLoaded)
	}
	delete(h.plugins, name)
	return nil
}

// remove takes p out of the list, if it is still there.
func (h *Host) remove(p *Plugin) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plugins[p.name] == p {
		delete(h.plugins, p.name)
	}
}

// Close unloads all plugins and frees what the host has. It may be called again.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	plugins := h.plugins
	h.plugins = nil
	h.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		errs = append(errs, plugins[name].close(ctx))
	}
	return errors.Join(append(errs, h.runtime.Close(ctx), h.cache.Close(ctx))...)
}
