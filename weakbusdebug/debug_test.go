package weakbusdebug_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbusdebug"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type score struct{ Points int }

type hit struct{ By string }

type display struct {
	name  string
	heard int
}

func (d *display) onScore(score) { d.heard++ }
func (d *display) onHit(hit)     { d.heard++ }

// serve mounts a page below a path of a server.
func serve(t *testing.T, page http.Handler) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/bus/", page)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, url string) (status int, body string, header http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data), resp.Header
}

type picture struct {
	Observed      bool
	TopicsLeftOut int
	Totals        map[string]float64
	Topics        []struct {
		ID, Name, Fields         string
		Live, Published, Dropped int
		Unheard, Timed           int
		Panics, Errors           int
		NotWrittenOut            int
		ReceiversPerEvent        float64
		Mean, Slowest            int64
		LastSeconds              []int
		Ended                    map[string]int
		Subscriptions            []struct {
			Receiver, Label, State, Heard, Site  string
			Priority, Waiting, Dropped, Replaced int
		}
	}
	Queues []struct {
		Label                      string
		Waiting, Capacity, Dropped int
	}
	Mailboxes []struct {
		Topic, Receiver, Label     string
		Waiting, Dropped, Replaced int
	}
	Running []struct {
		Topic, Receiver, Label, Site string
		Since, For                   int64
	}
	CollectedUnheard []struct {
		Topic, Receiver, Label, Site string
		Times                        int
	}
}

func stats(t *testing.T, srv *httptest.Server) (p picture) {
	t.Helper()
	_, body, _ := get(t, srv.URL+"/debug/bus/stats.json")
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	return p
}

type entry struct {
	Seq, ID, Parent   uint64
	Kind, Topic, Text string
	Ran, More         int
	Nanos             int64
	Calls             []struct {
		ID             uint64
		Who, Site, Err string
		Nanos          int64
	}
}

type message struct {
	Picture *picture
	Log     []entry
	Lost    uint64
}

// viewer reads the stream of a page.
type viewer struct {
	t    *testing.T
	body io.ReadCloser
	scan *bufio.Scanner
	id   string
}

func watch(t *testing.T, srv *httptest.Server, lastID string) *viewer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/debug/bus/events", nil)
	require.NoError(t, err)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	v := &viewer{t: t, body: resp.Body, scan: bufio.NewScanner(resp.Body)}
	v.scan.Buffer(nil, 64<<20)
	t.Cleanup(v.close)
	return v
}

func (v *viewer) close() { v.body.Close() }

// next returns the next message.
func (v *viewer) next() (m message) {
	v.t.Helper()
	for v.scan.Scan() {
		if id, ok := strings.CutPrefix(v.scan.Text(), "id: "); ok {
			v.id = id
		}
		if data, ok := strings.CutPrefix(v.scan.Text(), "data: "); ok {
			require.NoError(v.t, json.Unmarshal([]byte(data), &m))
			return m
		}
	}
	require.Fail(v.t, "the stream ended", "%v", v.scan.Err())
	return m
}

// until reads entries until one of them is wanted, and returns all.
func (v *viewer) until(wanted func(entry) bool) (all []entry) {
	v.t.Helper()
	for {
		m := v.next()
		all = append(all, m.Log...)
		for _, e := range m.Log {
			if wanted(e) {
				return all
			}
		}
	}
}

func find(all []entry, kind string) (found []entry) {
	for _, e := range all {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

func TestPage_IsServedBelowAnyPath(t *testing.T) {
	page := weakbusdebug.New(weakbus.New())
	mux := http.NewServeMux()
	mux.Handle("/debug/bus/", page)
	mux.Handle("/a/b/", http.StripPrefix("/a/b", page))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for _, prefix := range []string{"/debug/bus/", "/a/b/"} {
		for name, kind := range map[string]string{"": "text/html", "page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml", "stats.json": "application/json"} {
			status, body, header := get(t, srv.URL+prefix+name)
			assert.Equal(t, http.StatusOK, status, name)
			assert.Contains(t, header.Get("Content-Type"), kind)
			assert.NotEmpty(t, body)
			assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
			policy := header.Get("Content-Security-Policy")
			assert.Contains(t, policy, "default-src 'none'")
			assert.NotContains(t, policy, "unsafe")
			assert.NotContains(t, policy, "http")
		}
		status, _, _ := get(t, srv.URL+prefix+"nothing")
		assert.Equal(t, http.StatusNotFound, status)
		status, _, _ = get(t, srv.URL+prefix+"topic.json?id=nothing")
		assert.Equal(t, http.StatusNotFound, status)
	}
}

func TestPage_FindsItsSlash(t *testing.T) {
	page := weakbusdebug.New(weakbus.New())
	r := httptest.NewRequest(http.MethodGet, "http://localhost/debug/bus", nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	http.StripPrefix("/debug/bus", page).ServeHTTP(w, r)
	assert.Equal(t, http.StatusFound, w.Code)
	assert.Equal(t, "bus/", w.Header().Get("Location"))
}

func TestPage_IsSmallAndAloneInTheWorld(t *testing.T) {
	files, err := filepath.Glob("page/*")
	require.NoError(t, err)
	size := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		size += len(data)
		text := strings.ReplaceAll(string(data), "http://www.w3.org/2000/svg", "")
		for _, no := range []string{"http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=", "onclick=\""} {
			assert.NotContains(t, text, no, file)
		}
	}
	assert.Less(t, size, 40_000)
	t.Logf("%d bytes", size)
}

func TestPage_AnswersThisMachineOnly(t *testing.T) {
	page := weakbusdebug.New(weakbus.New())
	for _, c := range []struct {
		peer, host string
		header     [2]string
		want       int
	}{
		{"127.0.0.1:1", "localhost", [2]string{}, 200},
		{"127.0.0.1:1", "localhost:8080", [2]string{}, 200},
		{"127.0.0.1:1", "LocalHost.:8080", [2]string{}, 200},
		{"127.3.2.1:1", "bus.localhost", [2]string{}, 200},
		{"[::1]:1", "[::1]:8080", [2]string{}, 200},
		{"[::1]:1", "[::1]", [2]string{}, 200},
		{"[::ffff:127.0.0.1]:1", "127.0.0.1:80", [2]string{}, 200},
		{"127.0.0.1:1", "evil.example", [2]string{}, 403}, // DNS rebinding
		{"127.0.0.1:1", "evil.example:8080", [2]string{}, 403},
		{"127.0.0.1:1", "localhost.evil.example", [2]string{}, 403},
		{"127.0.0.1:1", "127.0.0.1.evil.example", [2]string{}, 403},
		{"127.0.0.1:1", "notlocalhost", [2]string{}, 403},
		{"127.0.0.1:1", "10.0.0.1", [2]string{}, 403},
		{"127.0.0.1:1", "", [2]string{}, 403},
		{"10.0.0.7:1", "localhost", [2]string{}, 403},
		{"[2001:db8::1]:1", "localhost", [2]string{}, 403},
		{"@", "localhost", [2]string{}, 403},
		{"127.0.0.1:1", "localhost", [2]string{"X-Forwarded-For", "10.0.0.7"}, 403},
		{"127.0.0.1:1", "localhost", [2]string{"Forwarded", "for=10.0.0.7"}, 403},
		{"127.0.0.1:1", "localhost", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"127.0.0.1:1", "localhost", [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"127.0.0.1:1", "localhost", [2]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"127.0.0.1:1", "localhost", [2]string{"Sec-Fetch-Site", "none"}, 200},
	} {
		for _, path := range []string{"/", "/stats.json", "/page.js"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.RemoteAddr, r.Host = c.peer, c.host
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			assert.Equal(t, c.want, w.Code, "%+v %s", c, path)
			assert.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
		}
	}
}

// A link from another site may lead here; a script of it may not.
func TestPage_MayBeLinkedTo(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	weakbusdebug.New(weakbus.New()).ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)
}

func TestAllow_ReplacesTheRule(t *testing.T) {
	page := weakbusdebug.New(weakbus.New(), weakbusdebug.Allow(func(r *http.Request) bool { return r.Header.Get("Authorization") == "yes" }))
	for who, want := range map[string]int{"yes": 200, "no": 403} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = "10.0.0.7:1", "bus.example"
		r.Header.Set("Authorization", who)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code)
	}
}

func TestPage_OnlyShows(t *testing.T) {
	srv := serve(t, weakbusdebug.New(weakbus.New()))
	for _, method := range []string{"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"} {
		r, err := http.NewRequest(method, srv.URL+"/debug/bus/", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, method)
		assert.Equal(t, "GET", resp.Header.Get("Allow"))
	}
}

func TestPage_RegistersNothing(t *testing.T) {
	_, pattern := http.DefaultServeMux.Handler(httptest.NewRequest(http.MethodGet, "/debug/bus/", nil))
	assert.Empty(t, pattern)
}

func TestMisuse_NamesTheRemedy(t *testing.T) {
	assert.PanicsWithValue(t, "weakbusdebug: New: nil *Bus; make one with weakbus.New", func() { weakbusdebug.New(nil) })
	assert.Panics(t, func() { weakbusdebug.Allow(nil) })
	assert.Panics(t, func() { weakbusdebug.Values(nil) })
}

func TestStats_ShowsTopicsAndSubscriptionsInOrder(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	a, b := &display{name: "a"}, &display{name: "b"}
	weakbus.Subscribe(bus, a, (*display).onScore, weakbus.Label("second")).Pause()
	weakbus.Subscribe(bus, b, (*display).onScore, weakbus.Label("first"), weakbus.Priority(3))
	weakbus.Subscribe(weakbus.TopicOf[hit](bus).At("x"), b, (*display).onHit)
	for i := range 10 {
		weakbus.Publish(bus, score{i})
	}
	weakbus.TopicOf[hit](bus).At("x").Publish(hit{"me"})
	weakbus.TopicOf[hit](bus).At("nobody").Publish(hit{"me"})
	p := stats(t, srv)
	assert.True(t, p.Observed)
	require.Len(t, p.Topics, 3)
	s := p.Topics[0]
	assert.Equal(t, "weakbusdebug_test.score", s.Name)
	assert.Equal(t, "struct{ Points int }", s.Fields)
	assert.Equal(t, []int{2, 10, 10, 0}, []int{s.Live, s.Published, s.Timed, s.Unheard})
	assert.Equal(t, 1.0, s.ReceiversPerEvent)
	assert.Positive(t, s.Mean)
	assert.GreaterOrEqual(t, s.Slowest, s.Mean)
	require.Len(t, s.Subscriptions, 2)
	first, second := s.Subscriptions[0], s.Subscriptions[1]
	assert.Equal(t, []any{"*weakbusdebug_test.display", "first", 3, "active", "yes"}, []any{first.Receiver, first.Label, first.Priority, first.State, first.Heard})
	assert.Equal(t, []any{"second", 0, "paused", "no"}, []any{second.Label, second.Priority, second.State, second.Heard})
	assert.Regexp(t, `weakbusdebug/debug_test\.go:\d+$`, first.Site)
	assert.Equal(t, "weakbusdebug_test.hit", p.Topics[1].Name)
	assert.Equal(t, []int{2, 1}, []int{p.Topics[1].Published, p.Topics[1].Unheard})
	assert.Equal(t, "weakbusdebug_test.hit[x]", p.Topics[2].Name)
	assert.Equal(t, 1, p.Topics[2].Published)
	assert.Equal(t, 12.0, p.Totals["published"])
	assert.Equal(t, 3.0, p.Totals["subscriptions"])
	runtime.KeepAlive([]any{a, b})
}

func TestStats_ShowsQueuesMailboxesAndWhatRuns(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	weakbus.TopicOf[score](bus) // drops count with their topic
	q := weakbus.NewQueue(bus, weakbus.QueueLabel("frame"), weakbus.Capacity(2))
	for i := range 3 {
		_ = weakbus.Post(q, score{i})
	}
	busy, release := make(chan struct{}, 1), make(chan struct{})
	d := &display{name: "d"}
	weakbus.Subscribe(bus, d, func(*display, hit) { busy <- struct{}{}; <-release }, weakbus.Async(2, weakbus.DropNewest), weakbus.Label("slow"))
	weakbus.Publish(bus, hit{})
	<-busy
	for range 4 {
		weakbus.Publish(bus, hit{})
	}
	p := stats(t, srv)
	require.Len(t, p.Queues, 1)
	assert.Equal(t, []any{"frame", 2, 2, 1}, []any{p.Queues[0].Label, p.Queues[0].Waiting, p.Queues[0].Capacity, p.Queues[0].Dropped})
	require.Len(t, p.Mailboxes, 1)
	assert.Equal(t, []any{"slow", 2, 2}, []any{p.Mailboxes[0].Label, p.Mailboxes[0].Waiting, p.Mailboxes[0].Dropped})
	require.Len(t, p.Running, 1)
	assert.Equal(t, []any{"slow", "weakbusdebug_test.hit"}, []any{p.Running[0].Label, p.Running[0].Topic})
	assert.Positive(t, p.Running[0].For)
	assert.Equal(t, 4.0, p.Totals["waiting"])
	assert.Equal(t, 3.0, p.Totals["dropped"])
	close(release)
	go func() {
		for range busy {
		}
	}()
	require.NoError(t, bus.Close())
	close(busy)
	runtime.KeepAlive(d)
	runtime.KeepAlive(q) // the bus holds it weakly too
}

func TestStats_CountsTheCollectedThatHeardNothing(t *testing.T) {
	bus := weakbus.New()
	old := &display{name: "made while nobody looked"}
	weakbus.Subscribe(bus, old, (*display).onScore)
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	weakbus.Subscribe(bus, &display{name: "lost"}, (*display).onScore, weakbus.Label("lost")) //weakvet:ignore vanishing it is to be collected
	runtime.KeepAlive(old)
	old = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		return weakbus.TopicOf[score](bus).Len() == 0
	}, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return stats(t, srv).Totals["collectedUnheard"] > 0 }, 10*time.Second, time.Millisecond)
	p := stats(t, srv)
	require.Len(t, p.CollectedUnheard, 1)
	c := p.CollectedUnheard[0]
	assert.Equal(t, []any{"lost", 1, "weakbusdebug_test.score"}, []any{c.Label, c.Times, c.Topic})
	assert.Contains(t, c.Site, "debug_test.go:")
	assert.Equal(t, 2, p.Topics[0].Ended["collected"])
	assert.Equal(t, 1.0, p.Totals["collectedUnheard"])
}

func TestStats_SubTopicsWhoseObjectDiedAreNoMistake(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	key, d := &display{name: "key"}, &display{name: "d"}
	sub := weakbus.Subscribe(weakbus.TopicOf[hit](bus).At(weak.Make(key)), d, (*display).onHit)
	runtime.KeepAlive(key)
	key = nil
	require.Eventually(t, func() bool {
		runtime.GC()
		return sub.State() == weakbus.Collected
	}, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		p := stats(t, srv)
		return p.Totals["subscriptions"] == 0
	}, 10*time.Second, time.Millisecond)
	assert.Zero(t, stats(t, srv).Totals["collectedUnheard"])
	runtime.KeepAlive(d)
}

// What is heard while nobody looks is not known; nobody is accused of not having heard anything.
func TestStats_AGapAccusesNobody(t *testing.T) {
	for name, c := range map[string]struct {
		opts []weakbus.BusOption
		want string
	}{"unobserved": {nil, "unknown"}, "with sites": {[]weakbus.BusOption{weakbus.WithSites()}, "yes"}} {
		t.Run(name, func(t *testing.T) {
			bus := weakbus.New(c.opts...)
			srv := serve(t, weakbusdebug.New(bus))
			v := watch(t, srv, "")
			v.next()
			d := &display{name: "d"}
			weakbus.Subscribe(bus, d, (*display).onScore)
			assert.Equal(t, "no", stats(t, srv).Topics[0].Subscriptions[0].Heard)
			v.close()
			require.Eventually(t, func() bool { return !stats(t, srv).Observed }, 10*time.Second, 10*time.Millisecond)
			weakbus.Publish(bus, score{})
			v = watch(t, srv, "")
			v.next()
			require.Eventually(t, func() bool { return stats(t, srv).Topics[0].Subscriptions[0].Heard == c.want }, 10*time.Second, 10*time.Millisecond)
			runtime.KeepAlive(d)
		})
	}
}

func TestEvents_TellTheStoryOfAnEvent(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	d := &display{name: "d"}
	weakbus.Subscribe(bus, d, func(*display, score) { weakbus.Publish(bus, hit{"from a handler"}) }, weakbus.Label("outer"))
	weakbus.SubscribeContext(bus, d, func(_ *display, ctx context.Context, _ score) error {
		done := make(chan struct{})
		go func() { // the context says where it comes from, also on another goroutine
			defer close(done)
			_, _ = weakbus.PublishContext(ctx, bus, hit{"by context"})
		}()
		<-done
		return errors.New("no luck")
	})
	weakbus.Subscribe(bus, d, func(*display, score) { weakbus.Publish(bus, hit{"from a mailbox"}) }, weakbus.Async(4, weakbus.Block), weakbus.Label("async"))
	weakbus.Subscribe(bus, d, (*display).onHit, weakbus.Label("inner"))
	weakbus.Publish(bus, score{7})
	require.NoError(t, bus.Wait(t.Context()))
	weakbus.Publish(bus, hit{"last"})

	all := watch(t, srv, "").until(func(e entry) bool { return e.Text == `{By:"last"}` })
	calls, hits := map[string]uint64{}, map[string]entry{}
	var root entry
	for _, e := range all {
		if e.Kind == "event" && e.Topic == "weakbusdebug_test.score" {
			root = e
		}
		if e.Kind == "event" && e.Topic == "weakbusdebug_test.hit" {
			hits[e.Text] = e
		}
		for _, c := range e.Calls {
			calls[c.Who+c.Err] = c.ID
		}
	}
	assert.Equal(t, "{Points:7}", root.Text)
	assert.Equal(t, 3, root.Ran)
	assert.Zero(t, root.Parent)
	assert.Positive(t, root.Nanos)
	assert.Equal(t, calls["outer (*weakbusdebug_test.display)"], hits[`{By:"from a handler"}`].Parent)
	assert.Equal(t, calls["async (*weakbusdebug_test.display)"], hits[`{By:"from a mailbox"}`].Parent)
	assert.Equal(t, root.Calls[1].ID, hits[`{By:"by context"}`].Parent)
	assert.Contains(t, root.Calls[1].Err, "no luck")
	assert.Zero(t, hits[`{By:"last"}`].Parent)
	assert.Len(t, find(all, "error"), 1)
	assert.Len(t, find(all, "subscribed"), 4)
	runtime.KeepAlive(d)
}

func TestEvents_SayWhatWentWrong(t *testing.T) {
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) {}))
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	d := &display{name: "d"}
	sub := weakbus.Subscribe(bus, d, func(*display, score) { panic("oh") })
	weakbus.Publish(bus, score{})
	sub.Cancel()
	runtime.KeepAlive(d)
	weakbus.Publish(bus, score{})
	all := watch(t, srv, "").until(func(e entry) bool { return e.Kind == "unheard" })
	require.Len(t, find(all, "panic"), 1)
	assert.Contains(t, find(all, "panic")[0].Text, "oh")
	require.Len(t, find(all, "ended"), 1)
	assert.Regexp(t, `^cancelled: \*weakbusdebug_test\.display, subscribed at .*weakbusdebug/debug_test\.go:\d+$`, find(all, "ended")[0].Text)
	events := find(all, "event")
	require.Len(t, events, 2)
	assert.Contains(t, events[0].Calls[0].Err, "panicked")
	assert.Equal(t, 0, events[1].Ran)
}

func TestValues_WriteEventsOut(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record(), weakbusdebug.Values(func(event any) string {
		switch e := event.(type) {
		case score:
			return fmt.Sprint(e.Points, " points")
		case hit:
			panic("cannot")
		}
		return ""
	})))
	weakbus.Publish(bus, score{3})
	weakbus.Publish(bus, hit{"secret"})
	weakbus.Publish(bus, "secret")
	all := find(watch(t, srv, "").until(func(e entry) bool { return e.Topic == "string" && e.Kind == "event" }), "event")
	require.Len(t, all, 3)
	assert.Equal(t, "3 points", all[0].Text)
	assert.Contains(t, all[1].Text, "panicked: cannot")
	assert.Empty(t, all[2].Text)
}

func TestPage_ObservesOnlyWhileSomebodyLooks(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus))
	weakbus.Publish(bus, score{})
	p := stats(t, srv)
	assert.False(t, p.Observed)
	assert.Zero(t, p.Totals["published"])
	v := watch(t, srv, "")
	v.next()
	w := watch(t, srv, "")
	w.next()
	assert.True(t, stats(t, srv).Observed)
	weakbus.Publish(bus, score{1})
	v.until(func(e entry) bool { return e.Text == "{Points:1}" })
	v.close()
	w.until(func(e entry) bool { return e.Text == "{Points:1}" })
	w.close()
	require.Eventually(t, func() bool { return !stats(t, srv).Observed }, 10*time.Second, 10*time.Millisecond)
	weakbus.Publish(bus, score{2})
	assert.Equal(t, 1.0, stats(t, srv).Totals["published"])
}

func TestRecord_HasWhatWasBeforeTheFirstVisit(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	weakbus.Publish(bus, score{1})
	v := watch(t, srv, "")
	m := v.next()
	require.Len(t, find(m.Log, "event"), 1)
	assert.Zero(t, m.Lost)
	require.NotNil(t, m.Picture)
	assert.Equal(t, 1, m.Picture.Topics[0].Published)
	v.close()
	require.True(t, stats(t, srv).Observed)
}

func TestEvents_AtMostAHundredOfATopicAndSecondAreWrittenOut(t *testing.T) {
	bus := weakbus.New()
	var mu sync.Mutex
	written := map[int64]int{}
	began := time.Now()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record(), weakbusdebug.Values(func(any) string {
		mu.Lock()
		defer mu.Unlock()
		written[int64(time.Since(began)/time.Second)]++
		return "x"
	})))
	n := 0
	for time.Since(began) < 2500*time.Millisecond {
		for range 100 {
			weakbus.Publish(bus, score{n})
			n++
		}
		time.Sleep(10 * time.Millisecond) // still a hundred times as fast as is written out
	}
	mu.Lock()
	total := 0
	for second, k := range written {
		assert.LessOrEqual(t, k, 100, "second %d", second)
		total += k
	}
	mu.Unlock()
	assert.GreaterOrEqual(t, total, 100)
	p := stats(t, srv)
	assert.Equal(t, n, p.Topics[0].Published)
	assert.GreaterOrEqual(t, p.Topics[0].NotWrittenOut, n-total)
	sum := 0
	for _, k := range p.Topics[0].LastSeconds {
		sum += k
	}
	assert.Positive(t, sum)
}

// slow is a connection that does not read.
func slow(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprint(c, "GET /debug/bus/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	return c
}

func TestEvents_AViewerThatDoesNotReadStallsNobody(t *testing.T) {
	bus := weakbus.New()
	page := weakbusdebug.New(bus)
	srv := serve(t, page)
	d := &display{name: "d"}
	weakbus.Subscribe(bus, d, (*display).onScore)
	slow(t, srv)
	require.Eventually(t, func() bool { return stats(t, srv).Observed }, 10*time.Second, 10*time.Millisecond)
	other := watch(t, srv, "")
	other.next()
	longest := time.Duration(0)
	for i := range 100_000 {
		t0 := time.Now()
		weakbus.Publish(bus, score{i})
		longest = max(longest, time.Since(t0))
	}
	assert.Less(t, longest, 5*time.Second) // it would wait for the patience of a write
	other.until(func(e entry) bool { return e.Kind == "event" })
	require.NoError(t, page.Close())
	runtime.KeepAlive(d)
}

// A viewer that comes back too late is told how much it has missed: whether it was slow or away, it asks
// for entries that are gone.
func TestEvents_AViewerThatLagsIsToldWhatItLost(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	v := watch(t, srv, "")
	v.next()
	weakbus.Publish(bus, "mark")
	last := v.until(func(e entry) bool { return e.Topic == "string" && e.Kind == "unheard" })
	seen, id := last[len(last)-1].Seq, v.id
	v.close()
	flood(bus)
	v = watch(t, srv, id)
	m := v.next()
	require.NotEmpty(t, m.Log)
	assert.Positive(t, m.Lost)
	assert.Equal(t, seen+1+m.Lost, m.Log[0].Seq)
	assert.Equal(t, m.Log[0].Seq+2047, m.Log[len(m.Log)-1].Seq)

	w := watch(t, srv, "of another process-7")
	m = w.next()
	assert.Zero(t, m.Lost, "a new viewer has lost nothing")
	assert.Len(t, m.Log, 2048)
}

// stuck is a viewer that takes nothing for a while.
type stuck struct {
	*httptest.ResponseRecorder
	pass chan struct{} // closed when it goes on
	in   chan struct{} // closed when it is stuck
	once sync.Once
	data chan string
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.in) })
	<-s.pass
	s.data <- string(p)
	return len(p), nil
}

func (s *stuck) Flush() {}

func TestEvents_AViewerThatIsStuckIsToldWhatItLost(t *testing.T) {
	bus := weakbus.New()
	page := weakbusdebug.New(bus)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1", "localhost"
	s := &stuck{httptest.NewRecorder(), make(chan struct{}), make(chan struct{}), sync.Once{}, make(chan string, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		page.ServeHTTP(s, r)
	}()
	<-s.in
	flood(bus)
	close(s.pass)
	<-s.data // from before
	_, data, _ := strings.Cut(<-s.data, "data: ")
	var m message
	require.NoError(t, json.Unmarshal([]byte(data), &m))
	assert.Positive(t, m.Lost)
	require.Len(t, m.Log, 2048)
	assert.Equal(t, m.Lost, m.Log[0].Seq)
	cancel()
	<-done
}

func TestEvents_LeaveOutWhatIsTooMuch(t *testing.T) {
	bus := weakbus.New()
	page := weakbusdebug.New(bus, weakbusdebug.Record())
	srv := serve(t, page)
	d := &display{name: "d"}
	for i := range 100 {
		weakbus.Subscribe(weakbus.TopicOf[score](bus).At(i), d, (*display).onScore)
	}
	for i := range 5_000 {
		weakbus.TopicOf[score](bus).At(i).Publish(score{})
	}
	m := watch(t, srv, "").next()
	assert.Len(t, m.Picture.Topics, 31)
	assert.Equal(t, 70, m.Picture.TopicsLeftOut)
	p := stats(t, srv)
	assert.Len(t, p.Topics, 101)
	assert.Equal(t, 5_000, p.Topics[0].Published)
	assert.Equal(t, 5_000, p.Topics[0].Timed)
	runtime.KeepAlive(d)
}

// flood fills the log: a hundred entries for each of many types.
func flood(bus *weakbus.Bus) {
	for range 60 {
		flow[[1]int](bus)
		flow[[2]int](bus)
		flow[[3]int](bus)
		flow[[4]int](bus)
		flow[[5]int](bus)
		flow[[6]int](bus)
		flow[[7]int](bus)
		flow[[8]int](bus)
		flow[[9]int](bus)
		flow[[10]int](bus)
		flow[[11]int](bus)
		flow[[12]int](bus)
		flow[[13]int](bus)
		flow[[14]int](bus)
		flow[[15]int](bus)
		flow[[16]int](bus)
		flow[[17]int](bus)
		flow[[18]int](bus)
		flow[[19]int](bus)
		flow[[20]int](bus)
		flow[[21]int](bus)
		flow[[22]int](bus)
		flow[[23]int](bus)
		flow[[24]int](bus)
		flow[[25]int](bus)
	}
}

func flow[E any](bus *weakbus.Bus) {
	var e E
	weakbus.Publish(bus, e)
}

func TestClose_EndsViewersAndObserving(t *testing.T) {
	bus := weakbus.New()
	page := weakbusdebug.New(bus, weakbusdebug.Record())
	srv := serve(t, page)
	v := watch(t, srv, "")
	v.next()
	require.NoError(t, page.Close())
	require.NoError(t, page.Close())
	for v.scan.Scan() {
	}
	require.NoError(t, v.scan.Err(), "the stream ends as it should")
	status, _, _ := get(t, srv.URL+"/debug/bus/")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	weakbus.Publish(bus, score{})
	for _, topic := range bus.Stats().Topics {
		assert.Zero(t, topic.Published)
	}
}

// A page and its bus go together, although they know of each other.
func TestRecord_KeepsNoBusAlive(t *testing.T) {
	gone := make(chan struct{})
	func() {
		bus := weakbus.New()
		weakbusdebug.New(bus, weakbusdebug.Record())
		weakbus.Publish(bus, score{})
		runtime.AddCleanup(bus, func(c chan struct{}) { close(c) }, gone)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}, 10*time.Second, 10*time.Millisecond)
}

// What the page keeps must not keep the program's objects.
func TestRecord_KeepsNoEventKeyOrReceiverAlive(t *testing.T) {
	bus := weakbus.New()
	srv := serve(t, weakbusdebug.New(bus, weakbusdebug.Record()))
	gone := make(chan string, 3)
	func() {
		event, key, recv := &display{name: "event"}, &display{name: "key"}, &display{name: "recv"}
		for _, d := range []*display{event, key, recv} {
			runtime.AddCleanup(d, func(name string) { gone <- name }, d.name)
		}
		weakbus.Subscribe(weakbus.TopicOf[*display](bus).At(key), recv, func(*display, *display) {}).Cancel()
		weakbus.TopicOf[*display](bus).At(key).Publish(event)
	}()
	stats(t, srv)
	left := map[string]bool{"event": true, "key": true, "recv": true}
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case name := <-gone:
			delete(left, name)
		default:
		}
		return len(left) == 0
	}, 10*time.Second, 5*time.Millisecond, "%v", left)
}

func TestPage_IsSafeForConcurrentUse(t *testing.T) {
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) {}))
	srv := serve(t, weakbusdebug.New(bus))
	duration := 200 * time.Millisecond
	if os.Getenv("WEAKBUS_TESTS") == "full" {
		duration = time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			d := &display{name: "d"}
			for n := 0; ctx.Err() == nil; n++ {
				sub := weakbus.Subscribe(weakbus.TopicOf[score](bus).At(n%50), d, func(*display, score) { weakbus.Publish(bus, hit{}) }, weakbus.Async(1, weakbus.DropOldest))
				weakbus.TopicOf[score](bus).At(n % 50).Publish(score{n})
				weakbus.Publish(bus, score{i})
				sub.Cancel()
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			v := watch(t, srv, "")
			v.next()
			v.close()
			stats(t, srv)
		}
	})
	all.Wait()
	require.NoError(t, bus.Close())
}
