"""What counts as the code of a task, tried on real modules in processes of their own, two hash seeds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cases import CHANGES, HELPERS, SAME, Case

sys.path.pop(0)

HERE = Path(__file__).parent
Answers = dict[str, tuple[str, list[str], list[str]]]


def write(folder: Path, case: Case, edited: bool) -> Path:
    files = {"helpers.py": HELPERS, "flow.py": case.flow, **case.files}
    if edited:
        name, old, new = case.edit
        assert old in files[name], case.name
        files[name] = files[name].replace(old, new)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def ask(asked: dict[str, tuple[str, str]], seed: str) -> Answers:
    done = subprocess.run(
        [sys.executable, HERE / "variants.py"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(HERE.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return {name: tuple(each) for name, each in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answers, Answers]:
    """The fingerprints of all variants under two hash seeds, in two checkouts, after other imports."""
    both: list[Answers] = []
    for seed, first in (("1", ""), ("2", "import helpers")):
        top = tmp_path_factory.mktemp("checkout")
        asked: dict[str, tuple[str, str]] = {}
        for case in CHANGES + SAME:
            for edited in (False, True):
                folder = write(top / f"{len(asked)}", case, edited)
                asked[f"{case.name} {edited}"] = (str(folder), first)
        both.append(ask(asked, seed))
    return both[0], both[1]


@pytest.mark.parametrize("name", [case.name for case in CHANGES])
def test_the_code_is_another_after_a_change_of(name: str, answers: tuple[Answers, Answers]) -> None:
    assert answers[0][f"{name} False"][0] != answers[0][f"{name} True"][0]


@pytest.mark.parametrize("name", [case.name for case in SAME])
def test_the_code_is_the_same_after_a_change_of(name: str, answers: tuple[Answers, Answers]) -> None:
    assert answers[0][f"{name} False"][0] == answers[0][f"{name} True"][0]


@pytest.mark.parametrize("name", [case.name for case in CHANGES + SAME])
def test_hash_seed_checkout_and_earlier_imports_do_not_count(
    name: str, answers: tuple[Answers, Answers]
) -> None:
    one, other = answers
    assert one[f"{name} False"] == other[f"{name} False"]


def test_cases_have_names_of_their_own() -> None:
    names = [case.name for case in CHANGES + SAME]
    assert len(set(names)) == len(names)
