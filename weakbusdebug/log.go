package weakbusdebug

import (
	"strconv"
	"sync"
	"time"
)

// entry is one line of the timeline. It is not changed once it is in the log.
type entry struct {
	Seq   uint64 `json:"seq"`
	At    int64  `json:"at"`   // when it began, in microseconds since 1970
	Kind  string `json:"kind"` // see the constants
	Topic string `json:"topic"`
	Text  string `json:"text,omitempty"`

	// Of an event: its number, that of the event or call which published it, the number of handlers that
	// ran, the duration in nanoseconds, and the calls.
	ID     uint64  `json:"id,omitempty"`
	Parent uint64  `json:"parent,omitempty"`
	Ran    int     `json:"ran,omitempty"`
	Nanos  int64   `json:"nanos,omitempty"`
	Calls  []*call `json:"calls,omitempty"`
	More   int     `json:"more,omitempty"` // calls that are not among those
}

// The kinds of entries. A late call is one that ended after the publish: in a mailbox or elsewhere.
const (
	kindEvent      = "event"
	kindLate       = "call"
	kindUnheard    = "unheard"
	kindSubscribed = "subscribed"
	kindEnded      = "ended"
	kindEarly      = "early"
	kindPanic      = "panic"
	kindError      = "error"
	kindDrop       = "drop"
)

// call is one call of a handler.
type call struct {
	ID    uint64 `json:"id"`
	Who   string `json:"who"`
	Site  string `json:"site,omitempty"`
	At    int64  `json:"at"`
	Nanos int64  `json:"nanos"`
	Err   string `json:"err,omitempty"`
}

// logSize is the number of entries that the log keeps.
const logSize = 2048

// log keeps the last entries. Whoever adds one never waits for whoever reads.
type log struct {
	id string // of this log, among those of other processes

	mu      sync.Mutex
	entries [logSize]*entry
	n       uint64 // entries so far; number i is at i%logSize
}

func newLog() *log { return &log{id: strconv.FormatInt(time.Now().UnixNano(), 36)} }

func (l *log) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Seq = l.n
	l.entries[l.n%logSize] = e
	l.n++
}

// since returns the entries from number n on, the number of the next, and how many that were asked for
// are gone.
func (l *log) since(n uint64) (entries []*entry, next, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first := l.first(); n < first {
		n, lost = first, first-n
	}
	for ; n < l.n; n++ {
		entries = append(entries, l.entries[n%logSize])
	}
	return entries, l.n, lost
}

// first returns the number of the oldest entry. The caller holds mu.
func (l *log) first() uint64 { return l.n - min(l.n, logSize) }

func (l *log) begin() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first()
}

func (l *log) len() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}
