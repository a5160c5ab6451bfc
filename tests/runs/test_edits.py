"""Any flow, with any change, goes on: exactly what the change touches runs again."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_place import Place

from flowkit import Flow, Parameter, task, unmapped


@task
def last(values: Any) -> Any:
    if "BROKEN" in os.environ:
        raise ValueError("broken")
    return values


@task
def red(constant: int, taken: Any) -> Any:
    return "red", constant, taken


@task
def blue(constant: int, taken: Any) -> Any:
    return "blue", constant, taken


@task
def red_each(number: int, constant: int, taken: Any) -> Any:
    return "red", number, constant, taken


CODES = {"red": red, "blue": blue}


@dataclass(frozen=True)
class Made:
    """A task of a drawn flow; what it gives says what it was made from.

    Attributes:
        width: of a mapped one; 0: it is not mapped.
        taken: the numbers of those whose results it takes.
    """

    name: str
    code: str
    constant: int
    width: int = 0
    taken: tuple[int, ...] = ()
    sized: bool = False


def flow_of(made: list[Made]) -> Flow:
    with Flow("drawn") as flow:
        found: list[Any] = []
        size = Parameter("size", default=1)
        for each in made:
            taken: list[Any] = [found[number] for number in each.taken] + [size] * each.sized
            named = {"name": each.name}
            if each.width:
                wide = red_each.map(
                    list(range(each.width)), unmapped(each.constant), unmapped(taken), task_args=named
                )
                found.append(wide)
            else:
                found.append(CODES[each.code](each.constant, taken, task_args=named))
        last([*found, size])
    return flow


def values_of(made: list[Made], size: int) -> list[Any]:
    """What each task gives."""
    found: list[Any] = []
    for each in made:
        taken = [found[number] for number in each.taken] + [size] * each.sized
        if each.width:
            found.append([("red", number, each.constant, taken) for number in range(each.width)])
        else:
            found.append((each.code, each.constant, taken))
    return found


@st.composite
def drawn(draw: st.DrawFn) -> list[Made]:
    made: list[Made] = []
    for number in range(draw(st.integers(1, 6))):
        places = draw(st.lists(st.integers(0, number - 1), max_size=2)) if number else []
        made.append(
            Made(
                draw(st.sampled_from(["clean", "train"])),
                draw(st.sampled_from(list(CODES))),
                draw(st.integers(0, 1)),
                draw(st.sampled_from([0, 0, 0, 1, 3])),
                tuple(places),
                draw(st.booleans()),
            )
        )
    return made


@st.composite
def edited(draw: st.DrawFn, made: list[Made]) -> list[Made]:
    """The flow with a few changes."""
    made = list(made)
    for _ in range(draw(st.integers(0, 3))):
        number = draw(st.integers(0, len(made) - 1))
        each = made[number]
        match draw(st.sampled_from(["code", "constant", "name", "width", "remove", "add", "repeat"])):
            case "code":
                made[number] = Made(**{**vars(each), "code": "blue" if each.code == "red" else "red"})
            case "constant":
                made[number] = Made(**{**vars(each), "constant": each.constant + 1})
            case "name":
                made[number] = Made(**{**vars(each), "name": "washed"})
            case "width" if each.width:
                made[number] = Made(**{**vars(each), "width": draw(st.integers(1, 4))})
            case "remove" if len(made) > 1:
                del made[number]
                made = [_moved(each, number, -1) for each in made]
            case "add":
                made = [_moved(each, number - 1, 1) for each in made]
                made.insert(
                    number, Made("clean", draw(st.sampled_from(list(CODES))), draw(st.integers(0, 3)))
                )
            case "repeat":
                made = [_moved(each, number - 1, 1) for each in made]
                made.insert(number, each)
    return made


def _moved(each: Made, place: int, by: int) -> Made:
    """After a task at `place` was removed (by -1), or one was added behind it (by 1)."""
    taken = [number for number in each.taken if by > 0 or number != place]
    return Made(**{**vars(each), "taken": tuple(number + by * (number > place) for number in taken)})


def is_shared_out(before: list[Made], after: list[Made], size: int) -> bool:
    """Whether more tasks than there were are to have given what has not changed: where two took the result
    of one, and take those of equals now. One of these is new, and what takes that runs again with it."""
    old = Counter(map(repr, values_of(before, 1)))
    new = [repr(value) for value in values_of(after, size)]
    taken = {number for value, each in zip(new, after, strict=True) if value in old for number in each.taken}
    return bool(Counter(new[number] for number in taken) - old)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_exactly_what_a_change_touches_runs_again_and_nobody_gets_anothers_result(
    place: Place, data: st.DataObject
) -> None:
    before = data.draw(drawn())
    after = data.draw(edited(before))
    size = data.draw(st.sampled_from([1, 1, 2]))
    deaths = data.draw(st.lists(st.integers(0, 12), max_size=2))
    os.environ["BROKEN"] = "last"
    first = place.run(flow_of(before), size=1)
    for rows in deaths:
        place.resume(flow_of(after), first.number, size=size, dies_after=rows)
    del os.environ["BROKEN"]
    session = place.resume(flow_of(after), first.number, size=size)
    assert session.value("last") == [*values_of(after, size), size]
    if not deaths:
        old, new = (Counter(map(repr, values)) for values in (values_of(before, 1), values_of(after, size)))
        ran = {key.partition("[")[0] for key in session.ran} - {"last"}
        touched = sum((new - old).values())
        assert len(ran) >= touched if is_shared_out(before, after, size) else len(ran) == touched
    again = place.resume(flow_of(after), session.number, size=size)
    assert again.ran == []
    assert again.value("last") == session.value("last")
