package main

import (
	"errors"
	"syscall/js"
)

// save hands the screenshot to the page, which has a function for it.
func save(name string, data []byte) error {
	receive := js.Global().Get("saveScreenshot")
	if receive.Type() != js.TypeFunction {
		return errors.New("screenshot: this page has no saveScreenshot")
	}
	array := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(array, data)
	receive.Invoke(name, array)
	return nil
}
