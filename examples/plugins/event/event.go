// Package event has the events that host and plugins exchange, as JSON at the border of the
// WebAssembly sandbox.
package event

// Line is a line of text, for the plugins to work on.
type Line struct {
	// Number counts from 1.
	Number int `json:"number"`
	// Text is the line without its end. Bytes that are not UTF-8 reach plugins as U+FFFD.
	Text string `json:"text"`
}

// Ask has every plugin report what it found so far.
type Ask struct{}

// Report is what a plugin publishes.
type Report struct {
	// Plugin is the name of the plugin. The host fills it in.
	Plugin string `json:"plugin,omitempty"`
	Text   string `json:"text"`
}
