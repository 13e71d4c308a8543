package weakcache_test

import (
	"fmt"
	"runtime"

	"github.com/weakbus/weakbus/weakcache"
)

// Document is the example's value.
type Document struct{ Path string }

func Example() {
	var open weakcache.Cache[string, Document]
	load := func() (*Document, error) {
		fmt.Println("loading")
		return &Document{Path: "report.txt"}, nil
	}

	first, err := open.GetOrCreate("report.txt", load)
	if err != nil {
		fmt.Println(err)
		return
	}
	second, _ := open.GetOrCreate("report.txt", load) // the same document
	fmt.Println("one document:", first == second)

	runtime.KeepAlive(first) // up to here, and no further
	for open.Len() > 0 {
		runtime.GC()
	}
	_, ok := open.Get("report.txt")
	fmt.Println("still there:", ok)
	// Output:
	// loading
	// one document: true
	// still there: false
}

func ExampleCache_All() {
	var open weakcache.Cache[string, Document]
	report := &Document{Path: "report.txt"}
	open.Put("report.txt", report)
	open.Put("last", report) // under a second key
	open.Delete("last")
	for name, doc := range open.All() {
		fmt.Println(name, doc.Path)
	}
	runtime.KeepAlive(report)
	// Output:
	// report.txt report.txt
}
