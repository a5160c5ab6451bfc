#!/bin/sh
# Makes the pictures of docs/report.md anew, in Chromium; `make pictures` calls it with the flowkit to use.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/flows"
cp "$here/shop.py" "$place/flows/"
cd "$place"
"$1" run shop -q --workers 4 || true
"$1" run shop -q --workers 4 || true
"$1" report -o report.html
look() { # width, height, 0 for dark and 1 for light
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="$1,$2" \
        --blink-settings=preferredColorScheme="$3" --screenshot="$here/report-$1.png" "file://$place/report.html"
}
look 1600 1750 1
look 800 1750 0
