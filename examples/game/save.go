//go:build !js

package main

import "os"

// save writes the screenshot to a file.
func save(name string, data []byte) error { return os.WriteFile(name, data, 0o644) }
