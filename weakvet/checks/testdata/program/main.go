// Command program has one App, which lives as long as it runs.
package main

import "github.com/weakbus/weakbus"

type Saved struct{ Path string }

var subs weakbus.Scope

type App struct{ title string }

func main() { run() }

func run() { NewApp(weakbus.New()).watch(weakbus.New()) }

func NewApp(bus *weakbus.Bus) *App {
	a := &App{}
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { a.title = s.Path })
	return a
}

func (a *App) watch(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { a.title = s.Path })
}
