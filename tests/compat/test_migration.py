"""docs/from-prefect-classic.md keeps its word: its script runs in each of the ways, and after each step."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "migration"
PAGE = Path(__file__).parents[2] / "docs" / "from-prefect-classic.md"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the script, and the orders of three shops, one of which is no number."""
    shutil.copy(HERE / "classic.py", tmp_path / "shop_orders.py")
    (tmp_path / "data").mkdir()
    for name, rows in {"berlin": "A1,19.50\nA2,5.25", "lyon": "B1,40.00", "oslo": "C1,12.00\nC2,n/a"}.items():
        (tmp_path / "data" / f"{name}.csv").write_text(f"order,amount\n{rows}\n")
    (tmp_path / ".flowkit").mkdir(mode=0o700)
    return tmp_path


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command, with a home of its own and with its history (see tests/conftest.py)."""
    secret = {} if environ else {"FLOWKIT_SECRET_SHOP_TOKEN": "hush"}
    environ = {**os.environ, "HOME": str(folder), "FLOWKIT_HISTORY": "true", **secret, **environ}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def mend(folder: Path) -> None:
    orders = folder / "data" / "oslo.csv"
    orders.write_text(orders.read_text().replace("n/a", "3.50"))


def test_the_script_is_run_fails_and_is_gone_on_with_as_the_page_shows(shop: Path) -> None:
    failed = run(shop, "-m", "flowkit", "run", "shop_orders.py", PREFECT__CONTEXT__SECRETS__SHOP_TOKEN="hush")
    assert failed.returncode == 1
    for line in (
        "note: `shop_orders.py` imports `prefect`, which is not installed: flowkit stands in for it",
        "note: `shop_orders.py` calls `flow.register()`, which flowkit ignores while it loads the file",
        "error[task-failed]: clean[4] raised ValueError: could not convert string to float: 'n/a'",
        "  --> shop_orders.py:44 in clean",
        ' > 44 |     amount = float(row["amount"])',
        "  next  flowkit resume 1                   goes on with what is left",
        "        flowkit replay 1 'clean[4]' --pdb  runs it alone, up to the failure",
    ):
        assert line in failed.stderr
        assert line.strip() in PAGE.read_text("utf-8")
    assert "✗ 10 ok · 1 failed · 6 not run" in failed.stderr
    mend(shop)
    assert "2 done before" in run(shop, "-m", "flowkit", "resume", "--force", "extract").stderr
    again = run(shop, "-m", "flowkit", "run", "shop_orders.py", "--limit", "200")
    assert (again.returncode, "95.50" in again.stderr) == (0, True), again.stderr
    why = run(shop, "-m", "flowkit", "why", "latest", "total").stdout
    assert re.match(r"total did not run: found at its target `\d{4}-\d\d-\d\d/total\.txt`\n", why)


def test_the_script_runs_as_a_script_and_with_its_import_renamed(shop: Path) -> None:
    mend(shop)
    done = run(shop, "-m", "flowkit.compat", "shop_orders.py")
    assert (done.returncode, "A good day: 95.50" in done.stderr) == (0, True), done.stderr
    script = shop / "shop_orders.py"
    text = script.read_text().replace("\nfrom prefect", "\nfrom flowkit")
    script.write_text(text.replace("import prefect\n", "import flowkit as prefect\n"))
    done = run(shop, "shop_orders.py")
    assert (done.returncode, "A good day: 95.50" in done.stderr) == (0, True), done.stderr
    assert "shop-orders" in run(shop, "-m", "flowkit", "list").stdout


def test_the_script_in_flowkits_own_style_gives_the_same(shop: Path) -> None:
    mend(shop)
    (shop / "flows").mkdir()
    shutil.copy(HERE / "own_style.py", shop / "flows" / "shop_orders.py")
    done = run(shop, "-m", "flowkit", "run", "shop-orders", "--limit", "50")
    assert (done.returncode, "A good day: 95.50" in done.stderr) == (0, True), done.stderr
    shown = re.search(r"```python\n(@flow.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1] in (HERE / "own_style.py").read_text("utf-8")


def test_the_page_names_only_commands_that_exist() -> None:
    mentioned = set(re.findall(r"(?:`|\$ |^)flowkit ([a-z]+)", PAGE.read_text("utf-8"), re.MULTILINE))
    shown = run(HERE, "-m", "flowkit", "--help").stdout
    assert {name for name in mentioned if f" {name} " not in shown} == set()
