"""A secret among the arguments of a task with a cache: nobody can try which it was, and it is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowkit import Flow, task
from flowkit.engine.mask import Mask
from flowkit.fingerprint import Tracer
from flowkit.plan.compiler import compile_flow
from flowkit.runs import cache_keys
from flowkit.runs.cache_keys import Keys
from flowkit.runs.memory import code_of


@task(cache=True)
def ask(token: object, size: int = 1) -> int:
    return size


@pytest.fixture
def mask(monkeypatch: pytest.MonkeyPatch) -> Mask:
    made = Mask()
    monkeypatch.setattr(cache_keys, "MASK", made)
    return made


def keys(secret: bytes) -> Keys:
    with Flow("f") as flow:
        ask("hunter2-hunter2")
    plan = compile_flow(flow)
    tracer = Tracer(Path(__file__).parent)
    return Keys(plan, {0: code_of(tracer, plan.tasks[0])}, tracer, secret)


@pytest.mark.parametrize("token", ["hunter2-hunter2", ["a", {"k": "hunter2-hunter2"}]])
def test_the_key_of_a_call_with_a_secret_is_made_with_the_users_own(mask: Mask, token: object) -> None:
    before = {secret: keys(secret).of(0, {"token": token, "size": 1}) for secret in (b"a", b"b")}
    assert before[b"a"] == before[b"b"]
    mask.add("hunter2-hunter2")
    after = {secret: keys(secret).of(0, {"token": token, "size": 1}) for secret in (b"a", b"b")}
    assert len({before[b"a"], after[b"a"], after[b"b"]}) == 3
    assert keys(b"a").of(0, {"token": token, "size": 1}) == after[b"a"]


def test_so_is_what_is_told_of_the_argument(mask: Mask) -> None:
    mask.add("hunter2-hunter2")
    found = {
        secret: {n: d for n, d, _ in keys(secret).inputs(0, {"token": "hunter2-hunter2", "size": 1})}
        for secret in (b"a", b"b")
    }
    assert found[b"a"]["token"] != found[b"b"]["token"]
    assert found[b"a"]["size"] == found[b"b"]["size"]


def test_without_a_key_of_the_user_nothing_is_found_again(mask: Mask) -> None:
    mask.add("hunter2-hunter2")
    assert keys(b"").of(0, {"token": "hunter2-hunter2"}) is None
    assert keys(b"").of(0, {"token": "harmless"}) is not None
