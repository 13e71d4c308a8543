package link

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus"
)

// node is a bus, as its links see it together: an event that left by one of them must not come in by another.
type node struct {
	mu  sync.Mutex
	ids atomic.Pointer[[]string] // the origins of its links, replaced under mu
}

// nodes has a *node for each weak.Pointer[weakbus.Bus] that was linked and is not collected.
var nodes sync.Map

func nodeOf(b *weakbus.Bus) *node {
	at := weak.Make(b)
	if n, ok := nodes.Load(at); ok {
		return n.(*node)
	}
	n, loaded := nodes.LoadOrStore(at, &node{})
	if !loaded {
		runtime.AddCleanup(b, func(at weak.Pointer[weakbus.Bus]) { nodes.Delete(at) }, at)
	}
	return n.(*node)
}

// add notes an origin of the node. It stays when the link is closed: an event may still be on its way.
func (n *node) add(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ids []string
	if old := n.ids.Load(); old != nil {
		ids = *old
	}
	if slices.Contains(ids, id) {
		return
	}
	ids = append(slices.Clone(ids), id)
	if len(ids) > maxIDs {
		ids = ids[1:]
	}
	n.ids.Store(&ids)
}

// maxIDs bounds what a bus whose links are opened and closed for ever remembers of them.
const maxIDs = 64

// been reports whether a message was at this node before.
func (n *node) been(m *Message) bool {
	ids := *n.ids.Load()
	if slices.Contains(ids, m.get(OriginHeader)) {
		return true
	}
	if len(m.Header) == 1 {
		return false // most have no more
	}
	if via := m.get(viaHeader); via != "" {
		for id := range strings.SplitSeq(via, ",") {
			if slices.Contains(ids, id) {
				return true
			}
		}
	}
	return false
}

// viaHeader has the links that an event passed since its origin, with commas between.
const viaHeader = "weakbus-via"

// mark is the context of an event that came from another process; it is its own value. Taps see an event before its handlers do,
// so the first publish of its type that a link's tap sees with this context is that event; what
// handlers publish with the same context comes after it, and is theirs.
type mark struct {
	context.Context
	from *Link
	typ  reflect.Type
	m    *Message

	mu   sync.Mutex
	room [2]*Link
	seen []*Link
}

type markKey struct{}

// Value returns the mark itself for its key.
func (m *mark) Value(key any) any {
	if key == (markKey{}) {
		return m
	}
	return m.Context.Value(key)
}

// Remote reports whether ctx is that of an event which came from another process, or was made from such a
// context.
func Remote(ctx context.Context) bool { return ctx != nil && ctx.Value(markKey{}) != nil }

// incoming returns the mark of ctx if this publish, of type typ, is that of the event which came in.
func (l *Link) incoming(ctx context.Context, typ reflect.Type) *mark {
	m, _ := ctx.Value(markKey{}).(*mark)
	if m == nil || m.typ != typ || m.from.node != l.node {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.seen, l) {
		return nil
	}
	if m.seen == nil {
		m.seen = m.room[:0]
	}
	m.seen = append(m.seen, l)
	return m
}

// header returns the header of a message that goes out by l. It is shared where nothing is to be added.
func (l *Link) header(ctx context.Context, in *mark, contentType string) map[string][]string {
	if in == nil && l.prop == nil && contentType == contentTypeJSON {
		return l.plain
	}
	h := make(map[string][]string, 4)
	h[OriginHeader] = l.plain[OriginHeader]
	if in != nil {
		via := l.origin
		if before := in.m.get(viaHeader); before != "" {
			via = before + "," + via
		}
		if origin := in.m.get(OriginHeader); origin != "" {
			h[OriginHeader] = []string{origin}
		}
		h[viaHeader] = []string{via}
	}
	if contentType != contentTypeJSON {
		h["content-type"] = []string{contentType}
	}
	if l.prop != nil {
		l.prop.Inject(ctx, h)
	}
	return h
}
