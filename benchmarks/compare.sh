#!/usr/bin/env bash
# Compares the speed of a base revision with that of the working tree:
#
#	benchmarks/compare.sh [BASE [BENCHMARKS [ROUNDS]]]     default: HEAD, Publish, 10
#
# It builds the benchmarks of both and runs them in turn, so that what else the machine does meets
# both alike, then shows what benchstat makes of it. A difference within benchstat's "~" is none.
set -euo pipefail
cd "$(git -C "$(dirname "$0")" rev-parse --show-toplevel)"
base=${1:-HEAD} pattern=${2:-Publish} rounds=${3:-10}
git rev-parse --verify --quiet "$base^{commit}" >/dev/null || { echo "compare: no revision $base" >&2; exit 2; }

work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/base" "$base"
echo "building $base and the working tree" >&2
(cd "$work/base" && go test -c -o "$work/base.test" .)
go test -c -o "$work/tree.test" .
for round in $(seq "$rounds"); do
	echo "round $round of $rounds" >&2
	for side in base tree; do
		"$work/$side.test" -test.run '^$' -test.bench "$pattern" -test.benchtime 100ms -test.benchmem >>"$work/$side.txt"
	done
done
go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da "base=$work/base.txt" "tree=$work/tree.txt"
