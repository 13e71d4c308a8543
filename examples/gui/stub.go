//go:build !desktop

package main

import (
	"fmt"
	"os"
)

// usage is what a program says that was built without the tag desktop.
const usage = `The window needs Fyne's desktop driver, which needs cgo. Install a C compiler and these headers:

  Debian, Ubuntu   sudo apt install gcc libgl1-mesa-dev xorg-dev libxkbcommon-dev
  Fedora           sudo dnf install gcc libX11-devel libXcursor-devel libXrandr-devel libXinerama-devel libXi-devel libXxf86vm-devel mesa-libGL-devel libxkbcommon-devel
  Arch             sudo pacman -S base-devel libxcursor libxrandr libxinerama libxi libxkbcommon
  macOS            xcode-select --install
  Windows          MSYS2 with its mingw-w64 gcc, see https://docs.fyne.io/started/

Then run it; the first build takes minutes:

  go run -tags desktop . ../quickstart/alice.txt

Without a display, its tests go through a session and draw editor.png:

  CGO_ENABLED=0 go test ./editor -v
`

func main() {
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
}
