package host

import (
	"weak"

	"github.com/tetratelabs/wazero/api"
)

// Inside returns a weak pointer to the plugin, and its module.
func (h *Host) Inside(name string) (weak.Pointer[Plugin], api.Module) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return weak.Make(h.plugins[name]), h.plugins[name].module
}

// Busy reports whether the plugin is in a call.
func (h *Host) Busy(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plugins[name]
	if p == nil || !p.mu.TryLock() {
		return p != nil
	}
	p.mu.Unlock()
	return false
}
