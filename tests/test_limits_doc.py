"""docs/limits.md keeps its word: its files are written as they stand there, and its commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parent.parent / "docs" / "limits.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_every_block_of_the_page_runs(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "NO_COLOR": "1"}
    said = {}
    for kind, text in BLOCKS:
        if kind in ("python", "toml"):
            file = tmp_path / text.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif kind == "console":
            for line in text.splitlines():
                _, _, *arguments = shlex.split(line)
                command = [sys.executable, "-P", "-m", "flowkit", *arguments]
                done = subprocess.run(
                    command,
                    cwd=tmp_path,
                    env=environ,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == 0, done.stderr
                said[line] = done.stdout + done.stderr
        else:
            assert kind == "text"
    assert "9 ok" in said["$ flowkit run orders -q"]
    assert "4 ok" in said["$ flowkit run models -q"]
    assert re.search(r"limits\.db +1 ", said["$ flowkit config"])
