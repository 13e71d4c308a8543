package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/weakbus/weakbus/examples/plugins/event"
)

// reportLimit is how much a plugin may publish in one call.
const reportLimit = 1000

// call is what comes out of one call of a plugin. It travels in the context of the call, and
// refers to no Plugin.
type call struct {
	reports []event.Report
	failure error
}

type callKey struct{}

// exportFunctions gives plugins the functions that they import: publish and fail. A panic in one
// of them becomes the error of the call, and so the plugin's.
func exportFunctions(ctx context.Context, r wazero.Runtime) error {
	_, err := r.NewHostModuleBuilder("weakbus").
		NewFunctionBuilder().WithFunc(publish).Export("publish").
		NewFunctionBuilder().WithFunc(fail).Export("fail").
		Instantiate(ctx)
	return err
}

// publish takes a report. It is published when the call is over: it is then that neither the
// plugin's lock is held nor its time runs.
func publish(ctx context.Context, m api.Module, at, size uint32) {
	c := current(ctx)
	var r event.Report
	if err := json.Unmarshal(read(m, at, size), &r); err != nil {
		panic(fmt.Errorf("published what is not a report: %w", err))
	}
	if len(c.reports) == reportLimit {
		panic(fmt.Errorf("published more than %d reports in one call", reportLimit))
	}
	c.reports = append(c.reports, r)
}

// fail takes the error that a handler of the plugin returned.
func fail(ctx context.Context, m api.Module, at, size uint32) {
	current(ctx).failure = errors.New(string(read(m, at, size)))
}

func current(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		panic(errors.New("published before it was loaded; do it in a handler, not in init"))
	}
	return c
}

func read(m api.Module, at, size uint32) []byte {
	data, ok := m.Memory().Read(at, size)
	if !ok {
		panic(errors.New("passed what is not in its memory"))
	}
	return data
}
