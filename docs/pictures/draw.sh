#!/bin/sh
# Draws the pictures of docs/graph.md anew; `make pictures` calls it with the flowkit to use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
FLOWKIT_HOME=$(mktemp -d)
export FLOWKIT_HOME
trap 'rm -rf "$FLOWKIT_HOME"' EXIT
cd "$here/../.."
"$1" graph weather -o "$here/weather.svg"
"$1" run weather -q
"$1" graph weather --run latest --direction right -o "$here/weather-run.svg"
