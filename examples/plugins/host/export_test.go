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
