"""The project of a page, in which its blocks are carried out one after another."""

from __future__ import annotations

import json
import os
import random
import shutil
import string
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from command_server import Server
from page_blocks import ROOT, Block, blocks_of
from page_sessions import commands_of, differs, kept, typed

_SHOP = Path(__file__).parent / "shop"
# The flows that a page has in its project and does not show: of the repository, or of the shop.
FLOWS = {
    "README.md": ["data_pipeline.py", "weather.py", "data", "rates.py", "rounding.py"],
    "docs/cache.md": ["rates.py", "rounding.py", "cached.py"],
    "docs/commands.md": ["rates.py", "rounding.py", "stages.py", "night.py"],
    "docs/graph.md": ["weather.py", "data"],
    "docs/report.md": ["stages.py"],
    "docs/memory.md": ["rates.py", "rounding.py", "stages.py", "night.py", "odd.py"],
}
RECORD = "FLOWKIT_RECORD"  # set it, and the pages show what came


class Place:
    """The project of a page.

    Args:
        folder: the home of its user, with the project in it. The pages call it `/home/ada`: where it is as
            long, lines are folded as they are there.
        server: starts commands.

    Attributes:
        wrong: what is not as the page shows it, with its place there.
        recorded: texts of blocks that other texts take the place of.
    """

    def __init__(self, page: str, folder: Path, server: Server | None = None) -> None:
        self._page, self._server = page, server
        self.project, self.home = folder / "shop", folder
        self.wrong: list[str] = []
        self.recorded: dict[Block, str] = {}
        self.project.mkdir(parents=True)
        self._names: dict[str, Any] = {"__name__": "page"}
        if page == "docs/from-prefect-classic.md":
            shutil.copy(ROOT / "tests/compat/migration/classic.py", self.project / "shop_orders.py")
        for name in FLOWS.get(page, ()):
            (self.project / "flows").mkdir(exist_ok=True)
            source = next(folder / name for folder in (ROOT / "flows", _SHOP) if (folder / name).exists())
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self.project / "flows" / name)

    @property
    def environ(self) -> dict[str, str]:
        """What the commands of a page find: nothing of who runs the tests."""
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {
            **kept,
            "HOME": str(self.home),
            "NO_COLOR": "1",
            "PATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def carry_out(self, block: Block) -> None:
        """Do what a block says; what python raises comes out."""
        if block.file:
            path = self.project / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.kind == "python":
            self._execute(block)
        elif block.kind == "toml":
            tomllib.loads(block.text)
        elif block.kind == "json":
            for line in block.text.splitlines():
                json.loads(line)
        elif block.kind == "console":
            self._type(block)
        elif block.kind == "sh":
            self._script(block)
        elif block.kind == "before":
            subprocess.run(
                ["bash", "-c", block.text], cwd=self.project, env=self.environ, check=True, timeout=60
            )

    def _script(self, block: Block) -> None:
        lines, code = typed(f"set -e\n{block.text}", self.project, self.environ)
        if code:
            self.wrong.append(f"{block.place}: exit code {code}:\n" + "\n".join(lines))

    def _execute(self, block: Block) -> None:
        """Run code; a file has names of its own, the others share theirs."""
        source = "\n" * (block.line - 1) + block.text  # so that a traceback names the line of the page
        code = compile(source, str(ROOT / block.page), "exec", dont_inherit=True)
        exec(code, {"__name__": "file_of_page"} if block.file else self._names)

    def _type(self, block: Block) -> None:
        came = []
        for command in commands_of(block.text):
            lines, _ = typed(command.line, self.project, self.environ, self._server)
            lines = [line.replace(str(self.home), "/home/ada") for line in lines]
            wrong = differs(command.shown, lines)
            if wrong:
                self.wrong.append(f"{block.place}, `$ {command.line}`: {wrong}; all:\n" + "\n".join(lines))
            came += [f"$ {command.line}", *(kept(command.shown, lines) if wrong else command.shown)]
        text = "\n".join(line.rstrip() for line in came).rstrip() + "\n"
        if text.rstrip() != block.text.rstrip():
            self.recorded[block] = text

    def record(self) -> None:
        """Put what came into the page."""
        path = ROOT / self._page
        lines = path.read_text(encoding="utf-8").split("\n")
        for block, text in sorted(self.recorded.items(), key=lambda each: -each[0].line):
            height = block.text.count("\n")
            new = [" " * block.indent + line if line else "" for line in text.rstrip("\n").split("\n")]
            lines[block.line - 1 : block.line - 1 + height] = new
        path.write_text("\n".join(lines), encoding="utf-8")


def whole(page: str, patch: pytest.MonkeyPatch, server: Server, is_run: Callable[[Block], bool]) -> Place:
    """The place of a page after all of its blocks that are run; it is gone then."""
    with _home() as folder:
        return _whole(Place(page, folder, server), page, patch, is_run)


def _whole(place: Place, page: str, patch: pytest.MonkeyPatch, is_run: Callable[[Block], bool]) -> Place:
    patch.chdir(place.project)
    for block in blocks_of(page):
        if is_run(block):
            place.carry_out(block)
    patch.chdir(ROOT)
    return place


@contextmanager
def _home() -> Iterator[Path]:
    """A folder whose name is as long as `/home/ada`."""
    while True:
        home = Path("/tmp") / "".join(random.choices(string.ascii_lowercase, k=4))
        with suppress(FileExistsError):
            home.mkdir(mode=0o700)
            break
    try:
        yield home
    finally:
        _end_all_in(home)
        shutil.rmtree(home, ignore_errors=True)


def _end_all_in(folder: Path) -> None:
    """End what a page has started there in the background, where it has not come to its own end."""
    for process in psutil.process_iter(["cwd"]):
        if process.pid != os.getpid() and (process.info["cwd"] or "").startswith(f"{folder}/"):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def finished(place: Place) -> None:
    """Fail with what is not as the page says; or put it into the page, where that is asked for."""
    if RECORD in os.environ:
        place.record()
    elif place.wrong:
        pytest.fail("\n\n".join(place.wrong), pytrace=False)
