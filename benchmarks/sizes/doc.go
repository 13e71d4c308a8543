// Command sizes measures what a program pays for its event bus before it runs: the size of the
// binary, and the time and the memory of the compiler. In the benchmarks module,
//
//	go run ./sizes
//
// generates programs, builds them and prints a table for BENCHMARKS.md. Flags:
//
//	-check     measure sizes only, for weakbus only, and exit with 1 if one is over its bound
//	-lib DIR   measure the checkout of weakbus in DIR instead of the one around this module
//	-rounds N  build each timed program N times, in turn, and give medians
//	-tests     measure also `go test ./...` of weakbus with an empty build cache, which takes minutes
//	-json      print JSON instead of a table
//	-out DIR   write the numbers to sizes.json in DIR, and a chart of some of them to sizes.svg
//	-redraw    measure nothing; print the table of the sizes.json in DIR, and draw sizes.svg again
//
// On stderr it says which build of how many is made, and about how much time is left.
//
// # Programs
//
// A generated program has one package. Each of its event types is a struct of its own, and so is
// each of its receiver types: no two share an underlying type, so generic code is compiled for
// each of them. Receiver number r listens to event number r modulo the number of event types. The
// program subscribes every receiver, publishes every event once, and prints what arrived.
//
// A plain program of weakbus uses Subscribe and Publish. The same is written for badu/bus, and for
// one slice of functions for each event type.
//
// A mixed program has five kinds of subscriptions, a fifth of the receivers each: Subscribe,
// SubscribeFunc under a Scope, SubscribeContext, Subscribe with Once and Async, and Subscribe with
// TopicOf(bus).At(key). They are dealt such that most event types have three or four kinds. A third
// of the events goes through a Queue, with Post and Drain; a third through PublishContext; a third
// through Publish. Nothing is published to the keys: the program is there to be compiled.
//
// # Measures
//
// MB is 1,000,000 bytes and KB is 1,000 bytes, for files and for memory alike.
//
// Programs are built for linux/amd64 on every machine, without cgo, so that sizes depend on the
// Go release only. Stripped is the size with -ldflags='-s -w'.
//
// CPU is the user and system time of one `go build`, its compilers and linker included. Peak memory is
// that of the largest process among them. What the program imports has been compiled before, and
// the program itself never: it contains a number that no program had before.
//
// A further receiver costs what a program of 400 receivers and 60 event types is larger than one
// of 200 and 60, divided by 200. A further event type costs what 120 of each are larger than 60 of
// each, divided by 60; that includes one receiver.
//
// # The game in the browser
//
// `go tool nm` does not read WebAssembly, so this command does: what the library adds to
// examples/game is the code of its functions, and their names in the file's table of names. A function
// belongs to the library if its name contains the path of one of the library's packages; that
// includes generic code of the library that was compiled for types of the game. The runtime's
// tables and type descriptors are not divided among packages, so that is less than the whole. The size of the
// file, and its size after gzip, hold everything: compare them between two checkouts with -lib,
// which changes the library and not the game.
package main
