package weakbusdebug_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbusdebug"
)

type Damage struct{ Amount int }

type HUD struct {
	name string
	life int
}

func (h *HUD) OnDamage(d Damage) { h.life -= d.Amount }

// A page is mounted on any path that ends in a slash. stats.json beside it is for scripts.
func ExampleNew() {
	bus := weakbus.New()
	page := weakbusdebug.New(bus, weakbusdebug.Record())
	defer page.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/bus/", page)
	server := httptest.NewServer(mux) // in a program: http.ListenAndServe("localhost:6060", mux)
	defer server.Close()

	hud := &HUD{name: "hud", life: 10}
	weakbus.Subscribe(bus, hud, (*HUD).OnDamage)
	weakbus.Publish(bus, Damage{3})
	weakbus.Publish(bus, "does anybody hear me?")

	resp, err := http.Get(server.URL + "/debug/bus/stats.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	var stats struct {
		Topics []struct {
			Name                     string
			Live, Published, Unheard int
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range stats.Topics {
		fmt.Printf("%s: %d subscribed, %d published, %d unheard\n", t.Name, t.Live, t.Published, t.Unheard)
	}
	runtime.KeepAlive(hud)
	// Output:
	// weakbusdebug_test.Damage: 1 subscribed, 1 published, 0 unheard
	// string: 0 subscribed, 1 published, 1 unheard
}

// Behind a login, the page may be shown to others than this machine.
func ExampleAllow() {
	bus := weakbus.New()
	page := weakbusdebug.New(bus, weakbusdebug.Allow(func(r *http.Request) bool {
		_, password, _ := r.BasicAuth()
		return password == "sesame"
	}))
	r := httptest.NewRequest(http.MethodGet, "https://shop.example/debug/bus/", nil)
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println("without:", w.Code)
	r.SetBasicAuth("ali", "sesame")
	w = httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println("with:", w.Code)
	// Output:
	// without: 403
	// with: 200
}

// Values says what is shown of an event.
func ExampleValues() {
	type Login struct{ User, Password string }
	text := func(event any) string {
		if l, ok := event.(Login); ok {
			return "login of " + l.User
		}
		return fmt.Sprintf("%+v", event)
	}
	page := weakbusdebug.New(weakbus.New(), weakbusdebug.Values(text))
	defer page.Close()
	fmt.Println(text(Login{"ali", "sesame"}))
	// Output: login of ali
}

// The viewers' connections do not end by themselves: have the page closed when the server shuts down.
func ExamplePage_Close() {
	page := weakbusdebug.New(weakbus.New())
	server := &http.Server{Handler: page}
	server.RegisterOnShutdown(func() { _ = page.Close() })
	fmt.Println(server.Shutdown(context.Background()))
	// Output: <nil>
}
