//go:build desktop

// Command gui shows a text that an importer is still writing to, and panels about it.
//
//	go run -tags desktop . ../quickstart/alice.txt
//
// It stands behind a build tag because Fyne's desktop driver needs cgo, a C compiler and the
// headers of OpenGL and of the window system, and takes minutes to build for the first time. Without the tag,
// the program says what to install. What it shows is package editor, which is tested without any of them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/gui/editor"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gui:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: gui FILE")
	}
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()

	a := app.NewWithID("com.github.weakbus.examples.gui")
	doc := editor.NewDocument(weakbus.New(), filepath.Base(args[0]))
	content := editor.New(doc)
	w := a.NewWindow("weakbus editor")
	w.SetContent(content)
	w.Resize(fyne.NewSize(1000, 640))
	w.SetOnClosed(func() { content.Close() })

	ctx, cancel := context.WithCancel(context.Background())
	imported := make(chan error, 1)
	go func() { imported <- doc.Import(ctx, file, 200*time.Millisecond) }()
	w.ShowAndRun()
	cancel()
	if err := <-imported; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
