"""The examples with jq on the page about `--json` give what stands there.

`make test-jq` runs this; without jq it fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "json.md"


def test_every_example_gives_what_the_page_says(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## With jq")[2].partition("\n# ")[0]
    flow = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert flow is not None
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.py").write_text(flow[1], encoding="utf-8")
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("FLOWKIT_", "CI", "GITHUB_"))
    }
    environ = {**kept, "HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}
    examples = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", page, re.MULTILINE)
    assert len(examples) >= 8
    for command, wanted in examples:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout) == (0, wanted), f"{command}\n{done.stderr}"
