"""docs/graph.md keeps its word: the picture is the one that is drawn, and JSON has the keys that it lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/graph.md").read_text(encoding="utf-8")


def flowkit(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "flowkit", *arguments]
    own = {
        "FLOWKIT_HOME": str(home),
        "FLOWKIT_HISTORY": "true",
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
    environ = {**os.environ, **own, "NO_COLOR": "1"}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        encoding="utf-8",
    ).stdout


def keys_of(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from keys_of(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for each in value:
            yield from keys_of(each, f"{path.removesuffix('.')}[].")


@pytest.mark.parametrize("page", ["docs/graph.md", "README.md"])
def test_the_picture_of_the_page_is_what_is_drawn(page: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    after = text.partition("$ flowkit graph weather\n")[2]
    shown = re.split(r"^(?:\$|```)", after, maxsplit=1, flags=re.MULTILINE)[0]
    assert flowkit(tmp_path, "graph", "weather") == shown


def test_the_document_has_the_keys_that_are_listed(tmp_path: Path) -> None:
    flowkit(tmp_path, "run", "weather", "-q", "--target", str(tmp_path / "weather.md"))
    document = json.loads(flowkit(tmp_path, "graph", "weather", "--run", "latest", "-f", "json"))
    table = PAGE.partition("## JSON")[2].partition("```")[0]
    listed = set(re.findall(r"^\| `([\w.\[\]]+)` \|", table, re.MULTILINE))
    assert set(keys_of(document)) == listed
    assert document["critical_path"][0] == "load"
    assert document["critical_path"][-1] == "write_report"


@pytest.mark.parametrize("name", ["weather", "weather-run"])
def test_the_pictures_are_there_and_well_formed(name: str) -> None:
    assert f"(pictures/{name}.svg)" in PAGE
    root = ElementTree.parse(ROOT / f"docs/pictures/{name}.svg").getroot()
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert {"load", "write_report"} <= set(texts)
