package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// module is what `go list -m -json` says of a module.
type module struct {
	Path, Version, Dir, GoVersion string
}

// modules lists modules as the go command sees them in dir.
func modules(ctx context.Context, dir string, paths ...string) ([]module, error) {
	out, _, err := command(ctx, dir, nil, append([]string{"list", "-m", "-json"}, paths...)...)
	if err != nil {
		return nil, err
	}
	var list []module
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var m module
		if err := d.Decode(&m); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// usage is what a command and its children took.
type usage struct {
	cpu  time.Duration // user and system time
	peak int64         // memory of the largest process, in bytes; 0 where that is unknown
}

// command runs the go command in dir and returns what it prints.
func command(ctx context.Context, dir string, env []string, args ...string) ([]byte, usage, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), env...)
	if runtime.GOOS != "windows" { // interrupted, the go command ends its children
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
	}
	if err := cmd.Run(); err != nil {
		return nil, usage{}, fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	s := cmd.ProcessState
	return stdout.Bytes(), usage{s.UserTime() + s.SystemTime(), peakMemory(s)}, nil
}

// builder builds generated programs in a temporary module.
type builder struct {
	dir     string   // of the module, with a folder for each program
	env     []string // for the go command
	version string   // of Go
	library string   // the checkout of weakbus that is measured
	game    string   // the directory of examples/game
	built   int      // programs
}

// platform is what programs are built for, on whatever machine.
var platform = []string{"GOOS=linux", "GOARCH=amd64", "GOAMD64=v1"}

// neutral removes settings of the user that would change sizes.
var neutral = []string{"GOFLAGS=", "GOEXPERIMENT=", "GOWASM=", "GOWORK=off", "CGO_ENABLED=0"}

// newBuilder makes a module in dir whose programs use the weakbus in lib, or the one that the
// module around the working directory uses if lib is "". It uses badu/bus in the version of that module.
func newBuilder(ctx context.Context, dir, lib string, platform []string) (*builder, error) {
	around, err := modules(ctx, ".", weakbusModule+"/benchmarks", weakbusModule, baduModule)
	if err != nil {
		return nil, fmt.Errorf("run sizes in the benchmarks module: %w", err)
	}
	if len(around) != 3 {
		return nil, fmt.Errorf("run sizes in the benchmarks module: found %d modules of 3", len(around))
	}
	benchmarks, used, rival := around[0], around[1], around[2]
	b := &builder{dir: dir, env: slices.Concat(platform, neutral), library: used.Dir, game: filepath.Join(used.Dir, "examples", "game")}
	goVersion := used.GoVersion
	if lib != "" {
		other, err := modules(ctx, lib)
		if err != nil {
			return nil, err
		}
		if len(other) != 1 || other[0].Path != weakbusModule {
			return nil, fmt.Errorf("-lib %s: not a checkout of %s", lib, weakbusModule)
		}
		b.library, goVersion = other[0].Dir, other[0].GoVersion
	}
	mod := fmt.Sprintf("module sizes\n\ngo %s\n\nrequire (\n\t%s v0.0.0\n\t%s %s\n)\n\nreplace %[2]s => %[5]q\n",
		goVersion, weakbusModule, baduModule, rival.Version, b.library)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666); err != nil {
		return nil, err
	}
	if err := copyFile(filepath.Join(dir, "go.sum"), filepath.Join(benchmarks.Dir, "go.sum")); err != nil {
		return nil, err
	}
	version, _, err := command(ctx, dir, b.env, "env", "GOVERSION")
	b.version = strings.TrimSpace(string(version))
	return b, err
}

// warm compiles what programs import.
func (b *builder) warm(ctx context.Context) error {
	_, _, err := command(ctx, b.dir, b.env, "build", weakbusModule, baduModule, "context")
	return err
}

// measurement is what one program takes.
type measurement struct {
	size, stripped int64 // in bytes
	usage
}

// measure builds p in a version that nobody has built before. It leaves out the stripped size
// unless it is asked for.
func (b *builder) measure(ctx context.Context, p program, stripped bool) (m measurement, err error) {
	binary, u, err := b.build(ctx, p, rand.Text())
	if err != nil {
		return m, err
	}
	m.usage = u
	if m.size, err = fileSize(binary); err != nil || !stripped {
		return m, err
	}
	small := binary + "-stripped"
	if _, _, err := command(ctx, filepath.Dir(binary), b.env, "build", "-ldflags=-s -w", "-buildvcs=false", "-o", small, "."); err != nil {
		return m, err
	}
	m.stripped, err = fileSize(small)
	return m, err
}

// build writes p to a folder of its own and builds it there.
func (b *builder) build(ctx context.Context, p program, nonce string) (binary string, u usage, err error) {
	source, err := p.source(nonce)
	if err != nil {
		return "", u, err
	}
	b.built++
	dir := filepath.Join(b.dir, fmt.Sprintf("program%d", b.built))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", u, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o666); err != nil {
		return "", u, err
	}
	binary = filepath.Join(dir, "program.exe")
	_, u, err = command(ctx, dir, b.env, "build", "-buildvcs=false", "-o", binary, ".")
	return binary, u, err
}

// browser builds examples/game for the browser and returns the file.
func (b *builder) browser(ctx context.Context) ([]byte, error) {
	mod, out := filepath.Join(b.dir, "game.mod"), filepath.Join(b.dir, "game.wasm")
	for to, from := range map[string]string{mod: "go.mod", filepath.Join(b.dir, "game.sum"): "go.sum"} {
		if err := copyFile(to, filepath.Join(b.game, from)); err != nil {
			return nil, err
		}
	}
	if _, _, err := command(ctx, b.dir, nil, "mod", "edit", "-replace="+weakbusModule+"="+b.library, mod); err != nil {
		return nil, err
	}
	env := slices.Concat([]string{"GOOS=js", "GOARCH=wasm"}, neutral)
	if _, _, err := command(ctx, b.game, env, "build", "-modfile="+mod, "-buildvcs=false", "-o", out, "."); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// tests runs the tests of the library with an empty build cache.
func (b *builder) tests(ctx context.Context) (usage, error) {
	_, u, err := command(ctx, b.library, []string{"GOWORK=off", "GOCACHE=" + filepath.Join(b.dir, "cache")}, "test", "./...")
	return u, err
}

func fileSize(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o666)
}
