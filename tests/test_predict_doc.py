"""docs/predict.md keeps its word: its flow runs, its commands say what stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "docs" / "predict.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def shape(text: str) -> list[str]:
    """The lines without what differs from run to run: figures, the name of the run, how many are enough."""
    without = re.sub(r"\(\w+-\w+\)$", "(name)", text, flags=re.MULTILINE)
    return [
        re.sub(r" +[<\d.:]+(ms|s|x|%)?", " 1", line) for line in without.splitlines() if "enough" not in line
    ]


def test_the_session_of_the_page_is_what_the_command_says(tmp_path: Path) -> None:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOWKIT_")}
    environ = {**kept, "XDG_CONFIG_HOME": str(tmp_path / "config"), "NO_COLOR": "1"}
    (tmp_path / "flows").mkdir()
    [flow] = [text for kind, text in BLOCKS if kind == "python"]
    (tmp_path / "flows" / "shop.py").write_text(flow, encoding="utf-8")
    said = {}
    for line in "".join(text for kind, text in BLOCKS if kind == "console").splitlines():
        _, _, *arguments = shlex.split(line)
        command = [sys.executable, "-P", "-m", "flowkit", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        said[line] = done.stdout
    [shown] = [text for kind, text in BLOCKS if kind == "text"]
    assert shape(said["$ flowkit predict shop --workers 1,2,4,8"]) == shape(shown)
    assert len(json.loads(said["$ flowkit predict shop --json"])["predictions"]) == 4
