package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// column is one case as a table shows it.
type column struct {
	title, name string
	// format is how its cells read; the series itself where it is nil.
	format func(p peers.Peer, s series) string
}

// tabulate makes a table of the columns that were measured, nil if none was.
func (out results) tabulate(title, text string, ps []peers.Peer, columns []column) *table {
	t := &table{title: title, text: text, columns: []string{"library"}}
	var notes footnotes
	var measured []column
	for _, col := range columns {
		if len(out[col.name]) > 0 {
			measured = append(measured, col)
			t.columns = append(t.columns, col.title)
		}
	}
	if len(measured) == 0 {
		return nil
	}
	for _, p := range ps {
		row, known := []string{rowName(p)}, false
		for _, col := range measured {
			_, has := out[col.name][p.Name]
			known = known || has
			row = append(row, out.text(p, col, &notes))
		}
		if known {
			t.rows = append(t.rows, row)
		}
	}
	t.notes = notes.lines()
	return t
}

func (out results) text(p peers.Peer, col column, notes *footnotes) string {
	c := out[col.name][p.Name]
	switch {
	case c.reason != "":
		return notes.mark(c.reason)
	case len(c.series) == 0:
		return ""
	case col.format != nil:
		return col.format(p, c.series)
	default:
		return c.String()
	}
}

func rowName(p peers.Peer) string {
	name := p.Name
	if p.Module == weakbusModule {
		name = "**" + name + "**"
	}
	if p.Kind == peers.Async {
		name += " (async)"
	}
	return name
}

const weakbusModule = "github.com/weakbus/weakbus"

// reference is the row that ratios are taken of.
const reference = "bare loop"

// perSubscriber formats a publish to n as the nanoseconds of one subscriber, and times the loop.
func (out results) perSubscriber(name string, n int) func(peers.Peer, series) string {
	return func(_ peers.Peer, s series) string {
		text := digits(s.median()/float64(n)) + " ns"
		if bare := out[name][reference]; len(bare.series) > 0 {
			text += fmt.Sprintf(", %sx", digits(s.median()/bare.median()))
		}
		return text
	}
}

// tables makes all tables of speed.
func (out results) tables() []*table {
	all := peers.All()
	var one, each, mix, mixEach, beside, deferred []column
	for _, n := range publishSizes {
		name := caseName("publish", n)
		one = append(one, column{"to " + thousands(n), name, nil})
		each = append(each, column{"to " + thousands(n), name, out.perSubscriber(name, n)})
	}
	for _, n := range mixSizes {
		name := caseName("mix", n)
		mix = append(mix, column{"to " + thousands(n), name, nil})
		mixEach = append(mixEach, column{"each of " + thousands(n), name, out.perSubscriber(name, n)})
	}
	for _, n := range besideSizes {
		beside = append(beside, column{"beside " + thousands(n), caseName("beside", n), nil})
	}
	for _, d := range deliveries {
		deferred = append(deferred, column{d.column, d.name, nil})
	}
	tables := []*table{
		out.tabulate(onePublishTitle, onePublish, all, one),
		out.tabulate("Publish to subscribers of one type: each subscriber", eachText, all, each),
		out.tabulate("Publish to subscribers of eight types", mixText, all, append(mix, mixEach...)),
		out.tabulate("Publish in parallel, and to nobody", parallelText, all, out.parallelColumns()),
		out.tabulate("Subscribe and cancel beside others", besideText, all, beside),
		out.tabulate("Queued and asynchronous delivery", deferredText, peers.Deferred(), deferred),
		out.tabulate("Memory and collector at 1,000,000 subscriptions", millionText, all, out.millionColumns()),
	}
	var some []*table
	for _, t := range tables {
		if t != nil {
			some = append(some, t)
		}
	}
	return some
}

func (out results) parallelColumns() []column {
	columns := []column{{"to nobody", "nobody", nil}}
	counts := goroutineCounts()
	for _, n := range counts {
		columns = append(columns, column{fmt.Sprintf("to 1,000, %d at once", n), caseName("parallel", n), nil})
	}
	if last := counts[len(counts)-1]; last > 1 {
		columns = append(columns, column{"gain", caseName("parallel", last), func(p peers.Peer, s series) string {
			alone := out[caseName("parallel", 1)][p.Name]
			if len(alone.series) == 0 {
				return ""
			}
			return digits(alone.median()/s.median()) + "x"
		}})
	}
	return columns
}

func (out results) millionColumns() []column {
	bytes := func(_ peers.Peer, s series) string { return strconv.FormatFloat(s.median(), 'f', 0, 64) + " B" }
	return []column{
		{"a subscription", coldBytes, bytes},
		{"after two publishes", warmBytes, bytes},
		{"subscribing one", millionCase, nil},
		{"a collection", crowdGC, nil},
		{"of one of the objects alone", crowdGC, func(p peers.Peer, s series) string {
			return digits(s.median()/out[objectsGC][p.Name].median()) + "x"
		}},
	}
}

// thousands formats n with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// What stands above the tables.
const (
	onePublishTitle = "Publish to subscribers of one type"

	onePublish = "The time of one publish: the median of the rounds, and their range. Asynchronous libraries are timed until " +
		"all events of a burst of 64 (kelindar/event: 4,096) are received, divided by the burst."
	eachText = "The median, divided by the number of subscribers, and how many times the bare loop that is."
	mixText  = "The receivers are of eight types in random order, the same order for all, which the processor predicts less well. " +
		"The bare loop is one over method values here."
	parallelText = "To nobody is the time until Publish returns. In parallel, the time that passes for each publish of all goroutines; the handlers only read."
	besideText   = "One subscribes and is cancelled while the others stay. What a library does on goroutines of its own after that is not in the time."
	deferredText = "The time of one event until it is received. Handlers also lock a mutex, since some libraries run one handler concurrently, and count. " +
		"With several events the publisher sends all before it waits, so that a library can batch them; queues that are sized by their user have room for 64."
	millionText = "Each library in a process of its own. Bytes are what the process holds more than before, records of weak pointers included: after a collection, and after two publishes with what they left " +
		"for the next collection. A collection is the median of three calls of runtime.GC in a row, also as a multiple of one before anybody subscribed."
)

// environment says what the numbers depend on.
func environment(rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s/%s, %d cores of %s. %d rounds, fewer for 100,000 and more; in each round every library is measured once, in another order.\n\n",
		time.Now().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), processor(), rounds)
	b.WriteString("Versions: ")
	for i, v := range versions() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v)
	}
	b.WriteString(".\n")
	return b.String()
}

// versions lists the peers' modules as they were built.
func versions() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	built := map[string]string{}
	for _, m := range info.Deps {
		built[m.Path] = m.Version
	}
	var list []string
	for _, p := range peers.All() {
		if version := built[p.Module]; version != "" && p.Module != weakbusModule {
			list = append(list, strings.TrimPrefix(p.Module, "github.com/")+" "+version)
		}
	}
	return list
}

// processor returns what the system calls the processor, where it says so.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "an unnamed processor"
}
