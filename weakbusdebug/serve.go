package weakbusdebug

import (
	"embed"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

// ServeHTTP answers for the page and what belongs to it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	switch {
	case !p.allow(r):
		http.Error(w, "weakbusdebug: the page answers this machine only, under a name such as localhost; see weakbusdebug.Allow", http.StatusForbidden)
	case foreign(r):
		http.Error(w, "weakbusdebug: the page answers no script of another site", http.StatusForbidden)
	case r.Method != http.MethodGet:
		h.Set("Allow", http.MethodGet)
		http.Error(w, "weakbusdebug: the page only shows; use GET", http.StatusMethodNotAllowed)
	case p.isClosed():
		http.Error(w, "weakbusdebug: the page was closed", http.StatusServiceUnavailable)
	default:
		p.serve(w, r)
	}
}

func (p *Page) isClosed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// serve goes by the last element of the path, whatever the page is mounted on.
func (p *Page) serve(w http.ResponseWriter, r *http.Request) {
	switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; name {
	case "events":
		p.events(w, r)
	case "stats.json":
		s, at := p.stats(true)
		p.answer(w, p.picture(s, at, everything))
	case "topic.json":
		if t, ok := p.topic(r.URL.Query().Get("id")); ok {
			p.answer(w, t)
		} else {
			http.Error(w, "weakbusdebug: no such topic, or not any more", http.StatusNotFound)
		}
	case "":
		if asked, _, _ := strings.Cut(r.RequestURI, "?"); r.URL.Path == "" && !strings.HasSuffix(asked, "/") {
			// A StripPrefix without the slash: what the page refers to would be looked for beside it.
			w.Header().Set("Location", path.Base(asked)+"/")
			w.WriteHeader(http.StatusFound)
			return
		}
		p.file(w, "page.html")
	case "page.js", "page.css", "icon.svg":
		p.file(w, name)
	default:
		http.Error(w, "weakbusdebug: nothing here; the page's address ends in a slash", http.StatusNotFound)
	}
}

func (p *Page) file(w http.ResponseWriter, name string) {
	data, err := files.ReadFile("page/" + name)
	if err != nil { // it is embedded
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(data)
}

func (p *Page) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// local reports whether a request comes from this machine and asks for it by a name that no stranger's
// domain has: a stranger may have his domain point here, and his script would then be of the same site.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false // a proxy on this machine asks for somebody else
		}
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// foreign reports whether a browser says that a page of another site asks, and not its user. It could not
// read the answer, but it could have the bus observed.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// How often a viewer is sent what is new, and how long it may take to accept it.
const (
	sendEvery    = 250 * time.Millisecond
	sendPatience = 30 * time.Second
)

// message is what a viewer is sent. Each part is left out when there is nothing new.
type message struct {
	Picture *picture `json:"picture,omitempty"`
	Log     []*entry `json:"log,omitempty"`
	// Lost is the number of entries that this viewer will never see, since it did not take them in time.
	Lost uint64 `json:"lost,omitempty"`
}

// events sends a viewer what happens, as Server-Sent Events. Only this goroutine ever waits for the
// viewer. It takes entries out of the log by their number, so what it has missed can be counted.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	if !p.enter() {
		http.Error(w, "weakbusdebug: the page was closed", http.StatusServiceUnavailable)
		return
	}
	defer p.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	next := p.rec.log.resume(r.Header.Get("Last-Event-ID"))
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for shown := (time.Time{}); ; {
		var m message
		m.Log, next, m.Lost = p.rec.log.since(next)
		if s, at := p.stats(false); at != shown {
			m.Picture, shown = p.picture(s, at, forPage), at
		}
		if m.Picture != nil || len(m.Log) > 0 || m.Lost > 0 {
			data, err := json.Marshal(m)
			if err != nil {
				return
			}
			_ = rc.SetWriteDeadline(time.Now().Add(sendPatience)) // which takes the place of the server's WriteTimeout
			if _, err := fmt.Fprintf(w, "id: %s\ndata: %s\n\n", p.rec.log.name(next), data); err != nil || rc.Flush() != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-p.done:
			return
		}
	}
}

// name returns the name of a place in the log. It says which log, for a browser may come back to another
// process.
func (l *log) name(n uint64) string { return l.id + "-" + strconv.FormatUint(n, 10) }

// resume returns the place in the log that a viewer that comes back goes on from; 0 for a new one.
func (l *log) resume(name string) uint64 {
	if number, ok := strings.CutPrefix(name, l.id+"-"); ok {
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			return min(n, l.len())
		}
	}
	return l.begin()
}
