"""Which task is which: by what it is made of first, by its key among equal ones, and never another's."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit import Flow, Parameter, case, task
from flowkit.fingerprint import Code, digest
from flowkit.plan.compiler import compile_flow
from flowkit.plan.matching import Matching, match
from flowkit.plan.outline import Outline, continued, fingerprints, ids_of, key_of, outline_of, restored

Made = list[tuple[str, str, int, tuple[int, ...]]]  # name, code, constant, the places of what it takes


@task
def step(code: str, constant: int, taken: Any = None) -> Any:
    return code, constant, taken


def outline(made: Made) -> Outline:
    """The outline of a flow of which each task may run another code."""
    with Flow("made") as flow:
        found: list[Any] = []
        for name, code, constant, taken in made:
            found.append(step(code, constant, [found[place] for place in taken], task_args={"name": name}))
    plan = compile_flow(flow)
    text = json.dumps(outline_of(plan, lambda task: Code(digest(type(task).__name__), ()))[0])
    return restored(json.loads(text))


def keys(matching: Matching, old: Outline, new: Outline) -> dict[str, str]:
    """Of the tasks that have not changed: the key now, and the key then."""
    return {key_of(new, node): key_of(old, before) for node, before in matching.same.items()}


def matched(old: Made, new: Made) -> tuple[Matching, dict[str, str]]:
    before, after = outline(old), outline(new)
    found = match(before, {}, after, {})
    return found, {key: old for key, old in keys(found, before, after).items() if not key.startswith("List")}


def test_a_task_that_is_removed_in_the_middle_gives_nobody_its_result() -> None:
    old: Made = [("clean", "a", 1, ()), ("clean", "a", 2, ()), ("clean", "a", 3, ())]
    found, same = matched(old, [old[0], old[2]])
    assert same == {"clean": "clean", "clean-2": "clean-3"}
    assert found.removed == ("clean-2",)
    assert found.renamed == (("clean-3", "clean-2"),)


def test_a_task_that_is_added_in_the_middle_takes_nobodys_result() -> None:
    old: Made = [("clean", "a", 1, ()), ("clean", "a", 3, ())]
    found, same = matched(old, [old[0], ("clean", "a", 2, ()), old[1]])
    assert same == {"clean": "clean", "clean-3": "clean-2"}
    assert found.added == ("clean-2",)


def test_a_task_with_another_name_is_the_same_task() -> None:
    found, same = matched([("clean", "a", 1, ())], [("wash", "a", 1, ())])
    assert same == {"wash": "clean"}
    assert (found.added, found.removed, found.changed) == ((), (), ())


def test_what_follows_from_a_change_has_changed_too_and_nothing_else() -> None:
    old: Made = [
        ("first", "a", 1, ()),
        ("beside", "a", 2, ()),
        ("second", "a", 3, (0,)),
        ("last", "a", 4, (2, 1)),
    ]
    _, same = matched(old, [("first", "b", 1, ()), *old[1:]])
    assert same == {"beside": "beside"}


def test_of_equal_tasks_the_one_stays_that_what_has_not_changed_was_made_from() -> None:
    old: Made = [("clean", "a", 1, ()), ("train", "a", 2, (0,))]
    found, same = matched(old, [old[0], old[0], ("train", "a", 2, (1,))])
    assert same == {"clean-2": "clean", "train": "train"}
    assert found.added == ("clean",)


def test_of_more_equal_tasks_than_there_were_those_are_new_that_nothing_was_made_from() -> None:
    clean = ("clean", "a", 1, ())
    old: Made = [clean, clean, ("train", "a", 2, (0,)), ("test", "a", 3, (0,))]
    found, same = matched(old, [clean, clean, clean, ("train", "a", 2, (0,)), ("test", "a", 3, (2,))])
    assert same == {"clean": "clean", "clean-3": "clean-2", "train": "train", "test": "test"}
    assert found.added == ("clean-2",)


def test_where_equals_take_the_place_of_one_task_its_key_stays_and_the_other_is_new() -> None:
    clean = ("clean", "a", 1, ())
    old: Made = [clean, ("train", "a", 2, (0,)), ("test", "a", 3, (0,))]
    found, same = matched(old, [clean, clean, ("train", "a", 2, (0,)), ("test", "a", 3, (1,))])
    assert same["clean"] == "clean"
    assert found.added == ("clean-2",)


def test_equal_tasks_keep_their_keys() -> None:
    old: Made = [("draw", "a", 1, ()), ("draw", "a", 1, ()), ("draw", "a", 1, ())]
    _, same = matched(old, old)
    assert same == {"draw": "draw", "draw-2": "draw-2", "draw-3": "draw-3"}


def test_another_gate_or_parameter_is_a_change() -> None:
    def flow(chosen: str) -> Outline:
        with Flow("gated") as made, case(step("a", 1), chosen):
            step("b", 2, Parameter("size"))
        return outline_of(compile_flow(made), lambda task: Code(digest(task.name), ()))[0]

    old = flow("yes")
    assert len(match(old, {"size": "1"}, flow("yes"), {"size": "1"}).same) == len(old["code"])
    assert "step-2" not in keys(match(old, {"size": "1"}, flow("no"), {"size": "1"}), old, flow("no"))
    other = match(old, {"size": "1"}, flow("yes"), {"size": "2"})
    assert other.parameters == ("size",)
    assert set(keys(other, old, flow("yes"))) == {"step", "case(yes)"}


makers = st.tuples(
    st.sampled_from(["clean", "train"]),
    st.sampled_from("ab"),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), max_size=2),
)
flows = st.lists(makers, min_size=1, max_size=6).map(
    lambda drawn: [
        (name, code, constant, tuple(place % number for place in places) if number else ())
        for number, (name, code, constant, places) in enumerate(drawn)
    ]
)


@settings(max_examples=60)
@given(flows, flows)
def test_only_equals_are_the_same_and_each_once(old: Made, new: Made) -> None:
    before, after = outline(old), outline(new)
    found = match(before, {}, after, {})
    prints = fingerprints(before, {}), fingerprints(after, {})
    assert all(prints[1][node] == prints[0][same] for node, same in found.same.items())
    assert len(set(found.same.values())) == len(found.same)
    assert len(set(found.like.values())) == len(found.like)
    left = [prints[1][node] for node in range(len(prints[1])) if node not in found.same]
    unused = [prints[0][node] for node in range(len(prints[0])) if node not in found.same.values()]
    assert not set(left) & set(unused), "what could be taken over is"


few = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.integers(0, 9), max_size=2)), min_size=1, max_size=6
).map(
    lambda drawn: [
        ("clean", "a", constant, tuple(place % number for place in places) if number else ())
        for number, (constant, places) in enumerate(drawn)
    ]
)


@settings(max_examples=60)
@given(few, few)
def test_what_stands_was_made_from_what_stands(old: Made, new: Made) -> None:
    """Unless more tasks than there were are to have given it: where two took the result of one, and take
    those of equals now."""
    before, after = outline(old), outline(new)
    found = match(before, {}, after, {})
    was, now = Counter(fingerprints(before, {})), fingerprints(after, {})
    sources = {source for node in found.same for source in after["upstreams"][node]}
    if not Counter(now[source] for source in sources) - was:
        assert sources <= found.same.keys()


@settings(max_examples=60)
@given(st.lists(flows, min_size=2, max_size=4))
def test_a_run_that_goes_on_again_and_again_never_gives_a_number_to_two_tasks(versions: list[Made]) -> None:
    whole = outline(versions[0])
    for version in versions[1:]:
        new = outline(version)
        found = match(whole, {}, new, {})
        before, whole_before = list(ids_of(whole)), whole
        whole = continued(whole, new, found.like)
        ids = list(ids_of(whole))
        assert len(set(ids)) == len(ids)
        assert [key_of(whole, node) for node in range(len(ids))] == new["keys"]
        for node, number in enumerate(ids):
            if node in found.like:
                assert number == before[found.like[node]]
            else:
                assert number >= len(whole_before["keys"])
