//go:build wasip1

// Package guest is the plugin's side of the border: what a plugin is written with.
//
// A plugin is a command whose init calls Serve. It is built as a reactor, with
// GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared, so init runs when the host loads it, and main
// never does.
//
// The border is small. The host asks for a buffer, writes an event to it as JSON, and calls
// "line" or "ask"; the plugin calls "publish" and "fail" of the host. A module has one thread,
// so nothing here needs a lock.
package guest

import (
	"encoding/json"

	"github.com/weakbus/weakbus/examples/plugins/event"
)

// Plugin handles the events of the host. One that returns an error, panics or takes too long is
// closed by the host.
type Plugin interface {
	Line(event.Line) error
	Ask() error
}

// served and input are the module's own: each plugin that is loaded has its own memory.
var (
	served Plugin
	input  []byte
)

// Serve has p called with the events of the host.
func Serve(p Plugin) { served = p }

// Publish publishes a report on the host's bus, once the handler has returned.
func Publish(text string) {
	data, err := json.Marshal(event.Report{Text: text})
	if err != nil {
		panic(err) // a string cannot fail
	}
	publish(string(data))
}

//go:wasmimport weakbus publish
func publish(report string)

//go:wasmimport weakbus fail
func fail(reason string)

//go:wasmexport buffer
func buffer(size uint32) *byte {
	if int(size) > len(input) {
		input = make([]byte, max(4096, 2*size))
	}
	return &input[0]
}

//go:wasmexport line
func line(size uint32) {
	var l event.Line
	err := json.Unmarshal(input[:size], &l)
	if err == nil {
		err = served.Line(l)
	}
	if err != nil {
		fail(err.Error())
	}
}

//go:wasmexport ask
func ask(uint32) {
	if err := served.Ask(); err != nil {
		fail(err.Error())
	}
}
