// Probe puts one question of package checks to one library, and prints the answer:
//
//	go run -race ./probe "badu/bus" order
//
// It is built with the race detector and run by the benchmarks' command, once for each question
// and library, since a library may hang or end the process.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/weakbus/weakbus/benchmarks/internal/checks"
	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

func main() {
	if len(os.Args) != 3 {
		fail("usage: probe LIBRARY CHECK")
	}
	ps, cs := peers.Checked(), checks.All()
	p := slices.IndexFunc(ps, func(p peers.Peer) bool { return p.Name == os.Args[1] })
	c := slices.IndexFunc(cs, func(c checks.Check) bool { return c.Name == os.Args[2] })
	if p < 0 || c < 0 {
		fail(fmt.Sprintf("no library %q or no check %q", os.Args[1], os.Args[2]))
	}
	fmt.Println(cs[c].Run(ps[p]))
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "probe:", text)
	os.Exit(3)
}
