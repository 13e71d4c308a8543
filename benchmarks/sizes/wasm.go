package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// gameSize is what examples/game takes in the browser, in bytes.
type gameSize struct {
	library int64 // code and names of the library's functions
	file    int64
	gzipped int64
}

func sizeOfGame(wasm []byte) (gameSize, error) {
	functions, err := wasmFunctions(wasm)
	if err != nil {
		return gameSize{}, err
	}
	s := gameSize{file: int64(len(wasm))}
	for _, f := range functions {
		if ofLibrary(f.name) {
			s.library += int64(f.code + len(f.name))
		}
	}
	if s.library == 0 {
		return gameSize{}, errors.New("no function of the library in the .wasm file")
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(wasm); err != nil {
		return gameSize{}, err
	}
	if err := w.Close(); err != nil {
		return gameSize{}, err
	}
	s.gzipped = int64(packed.Len())
	return s, nil
}

// ofLibrary reports whether a function of a .wasm file belongs to the library. The linker writes
// underscores for what is neither a letter, a digit nor a dot.
func ofLibrary(name string) bool {
	const root = "github.com_weakbus_weakbus"
	return strings.Contains(name, root+".") || strings.Contains(name, root+"_internal_")
}

// wasmFunction is a function of a WebAssembly module.
type wasmFunction struct {
	name string
	code int // bytes
}

// Sections of a WebAssembly module, and a part of its section of names.
const (
	customSection = 0
	importSection = 2
	codeSection   = 10
	functionNames = 1
)

// wasmFunctions returns the functions that a WebAssembly module made by Go defines.
func wasmFunctions(wasm []byte) ([]wasmFunction, error) {
	const header = "\x00asm\x01\x00\x00\x00"
	if !bytes.HasPrefix(wasm, []byte(header)) {
		return nil, errors.New("not a WebAssembly module")
	}
	r := &wasmReader{rest: wasm[len(header):]}
	var functions []wasmFunction
	imported, names := 0, map[int]string{}
	for len(r.rest) > 0 && r.err == nil {
		id := r.byte()
		section := &wasmReader{rest: r.bytes()}
		switch id {
		case importSection:
			imported = section.imports()
		case codeSection:
			for n := section.number(); n > 0 && section.err == nil; n-- {
				functions = append(functions, wasmFunction{code: len(section.bytes())})
			}
		case customSection:
			if string(section.bytes()) == "name" {
				section.names(names)
			}
		}
		r.err = errors.Join(r.err, section.err)
	}
	if r.err != nil {
		return nil, fmt.Errorf("WebAssembly: %w", r.err)
	}
	for i := range functions {
		functions[i].name = names[imported+i]
	}
	return functions, nil
}

// wasmReader reads numbers and strings. After an error it returns zeros.
type wasmReader struct {
	rest []byte
	err  error
}

var errCutShort = errors.New("cut short")

func (r *wasmReader) byte() byte {
	if len(r.rest) == 0 {
		r.err = errCutShort
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *wasmReader) number() int {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > 1<<32 {
		r.err, r.rest = errCutShort, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

// bytes reads a length and that many bytes.
func (r *wasmReader) bytes() []byte {
	n := r.number()
	if n > len(r.rest) {
		r.err, r.rest = errCutShort, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// imports returns the number of functions that are imported. Go imports nothing else.
func (r *wasmReader) imports() int {
	n := r.number()
	for i := 0; i < n && r.err == nil; i++ {
		r.bytes() // module
		r.bytes() // name
		if kind := r.byte(); kind != 0 && r.err == nil {
			r.err = fmt.Errorf("import of kind %d, which is no function", kind)
		}
		r.number() // type
	}
	return n
}

// names adds the names of functions by their index.
func (r *wasmReader) names(to map[int]string) {
	for len(r.rest) > 0 && r.err == nil {
		id := r.byte()
		part := &wasmReader{rest: r.bytes()}
		if id != functionNames {
			continue
		}
		for n := part.number(); n > 0 && part.err == nil; n-- {
			index := part.number()
			to[index] = string(part.bytes())
		}
		r.err = errors.Join(r.err, part.err)
	}
}
