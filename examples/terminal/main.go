// Command terminal is a board that the terminals of one machine share. Run it in two of them:
//
//	go run .
//
// The first one has the server. End it, also with kill -9, and the other goes on.
package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func main() {
	name := flag.String("name", fmt.Sprintf("terminal-%d", os.Getpid()), "who posts")
	addr := flag.String("addr", "127.0.0.1:7422", "where the terminals meet")
	flag.Parse()
	if err := run(*name, *addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name, addr string) error {
	dir, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	token, err := tokenIn(filepath.Join(dir, "weakbus-terminal"))
	if err != nil {
		return err
	}
	m, err := join(name, addr, token)
	if err != nil {
		return err
	}
	p, err := m.program()
	if err == nil {
		_, err = p.Run()
	}
	return errors.Join(err, m.leave())
}

// tokenIn returns the token that the terminals of this user share: the first one makes it, in a file that
// nobody else can read.
func tokenIn(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "token")
	mine, err := os.CreateTemp(dir, "new")
	if err != nil {
		return "", err
	}
	defer os.Remove(mine.Name())
	if _, err := mine.WriteString(rand.Text()); err != nil {
		return "", err
	}
	if err := mine.Close(); err != nil {
		return "", err
	}
	if err := os.Link(mine.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) { // whole, or not at all
		return "", err
	}
	token, err := os.ReadFile(file)
	return string(token), err
}
