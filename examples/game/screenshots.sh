#!/usr/bin/env bash
# Plays the game under Xvfb and in a headless Chromium, and writes the last frame of each:
#
#	bash screenshots.sh            desktop.png and browser.png
#	bash screenshots.sh desktop    one of them
#
# On Debian, as root, it installs what is missing.
set -euo pipefail
cd "$(dirname "$0")"

need() { # command, packages
	command -v "$1" >/dev/null && return
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${@:2}"
}

desktop() {
	need xvfb-run xvfb xauth libgl1-mesa-dri libgl1 libegl1 libgles2 \
		libx11-6 libxcursor1 libxi6 libxinerama1 libxrandr2 libxxf86vm1
	go build -o "$bin/game" .
	timeout 120 xvfb-run -a -s '-screen 0 1280x800x24' \
		"$bin/game" -frames 600 -collect 240 -screenshot desktop.png
}

browser() {
	need chromium chromium
	go run ./web -screenshot browser.png
}

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
case ${1:-all} in
desktop | browser) "$1" ;;
all) desktop && browser ;;
*) echo "usage: screenshots.sh [desktop|browser]" >&2; exit 2 ;;
esac
