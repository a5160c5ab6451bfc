"""The README keeps its word: the flow it shows runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_flow_of_the_readme_runs(tmp_path: Path) -> None:
    """As a newcomer would: paste it into the file that it names, and run it by its name."""
    code = re.search(
        r"```python\n# (flows/orders\.py)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert code is not None
    file = tmp_path / code[1]
    file.parent.mkdir()
    file.write_text(code[2], encoding="utf-8")
    command = [sys.executable, "-P", "-m", "flowkit", "run", "orders", "--day", "2026-01-02"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "3 ok" in done.stderr or "4 ok" in done.stderr


def test_the_shown_flow_has_at_most_fifteen_lines() -> None:
    code = re.search(
        r"```python\n# flows/orders\.py\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert code is not None
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 15


def test_the_readme_names_only_commands_that_exist() -> None:
    text = README.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"(?:`|\$ )flowkit ([a-z]+)", text))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowkit", "--help"], capture_output=True, text=True, timeout=60
    )
    assert {name for name in mentioned if f" {name} " not in done.stdout} == set()
