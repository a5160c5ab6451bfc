"""What a flow file raised while it was loaded, as an error that names file and line.

The error's `__notes__` hold the user's own frames, none of flowkit's, ready to print.
"""

from __future__ import annotations

import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from flowkit.errors import FlowkitError, LoadError
from flowkit.project.names import suggestions
from flowkit.project.root import Project

_MAIN_GUARD = 'put what a script does under `if __name__ == "__main__":`'
_DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
}
_OURS = str(Path(__file__).parent.parent)
_LONGEST = 500
_UNKNOWN_NAME = re.compile(r"cannot import name '(.+?)' from ")


class NoInputError(EOFError):
    """User code read from the keyboard while its file was loaded."""


@dataclass(frozen=True)
class Place:
    """Where in the user's files something went wrong."""

    path: Path
    line: int = 0
    column: int = 0

    def display(self, project: Project) -> str:
        known = [str(number) for number in (self.line, self.column) if number]
        return f"`{':'.join([project.display(self.path), *known])}`"


def explain(error: BaseException, path: Path, project: Project) -> LoadError:
    """The error to show for what loading `path` raised.

    Args:
        error: with its traceback, as it was caught.
        path: the flow file; the place of the error may be in a helper that it imports.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return _syntax(error, project)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame, path, project)]
    place = Place(Path(frames[-1].filename), frames[-1].lineno or 0) if frames else Place(path)
    message, hints = _sentence(error, place.display(project))
    explained = LoadError(message, hints=hints)
    if frames:
        explained.add_note(_shown(frames, project))
    return explained


def _is_users(frame: traceback.FrameSummary, path: Path, project: Project) -> bool:
    """Frames of the project's own files; those of packages below it (`.venv`) are not the user's."""
    name = frame.filename
    if name == str(path):
        return True
    inside = Path(name).is_relative_to(project.root) and not Path(name).is_relative_to(sys.prefix)
    return inside and not name.startswith(_OURS) and "site-packages" not in name


def _shown(frames: list[traceback.FrameSummary], project: Project) -> str:
    shown = [
        traceback.FrameSummary(project.display(Path(each.filename)), each.lineno, each.name, line=each.line)
        for each in frames
    ]
    return "".join(traceback.format_list(shown)).rstrip()


def _sentence(error: BaseException, place: str) -> tuple[str, tuple[str, ...]]:
    match error:
        case FlowkitError():
            return f"{place}: {error.message}", error.hints
        case ModuleNotFoundError(name=str(name)):
            return _not_found(name, place)
        case ImportError(name=str(name)) if found := _UNKNOWN_NAME.match(str(error)):
            known = sorted(dir(sys.modules.get(name)), key=lambda each: each.islower() != found[1].islower())
            return f"{place} imports `{found[1]}`, which `{name}` does not have", suggestions(found[1], known)
        case SystemExit():
            code = error.code if isinstance(error.code, int) else ""
            return f"{place} calls `sys.exit({code})` while it is loaded", (_MAIN_GUARD,)
        case NoInputError():
            hint = 'ask for it with a `Parameter("name")`, which becomes an option of the command'
            return f"{place} reads from the keyboard while it is loaded", (hint,)
        case _:
            return f"{place} raised {type(error).__name__}: {_text(error)}".removesuffix(": "), ()


def _not_found(name: str, place: str) -> tuple[str, tuple[str, ...]]:
    top = name.partition(".")[0]
    if top in sys.modules:
        return f"{place} imports `{name}`, which the package `{top}` does not have", ()
    install = f"{sys.executable} -m pip install {_DISTRIBUTIONS.get(top, top)}"
    return (
        f"{place} imports `{name}`, which is not installed",
        (
            f"install it where flowkit runs: `{install}`",
            "a helper of your own is found in the flow file's folder and in the project's root",
        ),
    )


def _syntax(error: SyntaxError, project: Project) -> LoadError:
    place = Place(Path(error.filename or ""), error.lineno or 0, error.offset or 0)
    explained = LoadError(f"{place.display(project)} is not valid Python: {error.msg}")
    source = traceback.format_exception_only(error)[1:-1]
    if source:
        explained.add_note("".join(source).rstrip())
    return explained


def _text(error: BaseException) -> str:
    """What the exception says, bounded; user code may raise in `__str__` too."""
    try:
        said = str(error)
    except Exception as again:
        return f"(its text cannot be shown: {type(again).__name__})"
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
