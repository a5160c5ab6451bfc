"""The properties are worth something: each of these mistakes in the machine breaks one of them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from play import Make, ends_as_the_rules_say, resumes_from_what_succeeded, stops_when_cancelled
from reference import Scenario
from scenarios import scenarios

import flowkit.plan
from flowkit.plan.machine import Machine

FOLDER = Path(flowkit.plan.__file__).parent


class Mutation(NamedTuple):
    """A mistake: what stands once in the source of a module, and what stands there instead."""

    name: str
    module: str
    fragment: str
    replacement: str


MUTATIONS = [
    Mutation(
        "a failure no longer outranks a skip",
        "verdicts",
        "if skipped and not bad and self.plan",
        "if skipped and self.plan",
    ),
    Mutation(
        "a shut gate is ignored where the trigger is not the default",
        "verdicts",
        "gates = self.plan.gates.get(node)\n",
        "gates = None if node in self.plan.triggers else self.plan.gates.get(node)\n",
    ),
    Mutation(
        "the width is the longest of what is mapped over",
        "verdicts",
        "return min(widths)",
        "return max(widths)",
    ),
    Mutation(
        "a child looks at its neighbour's upstream",
        "verdicts",
        "self.groups[source].states[index] for source in group.counted",
        "self.groups[source].states[index - 1] for source in group.counted",
    ),
    Mutation(
        "the skipped children of an upstream are not counted",
        "verdicts",
        "                skipped += states.count(SKIPPED)\n",
        "",
    ),
    Mutation(
        "a flattened element forgets the state of its child",
        "verdicts",
        "self.groups[source].states[origins[index][0]] for source",
        "MAPPED for source",
    ),
    Mutation(
        "the children of an upstream that was passed whole are not looked at",
        "machine",
        "trouble = status >= MAPPED",
        "trouble = status > MAPPED",
    ),
    Mutation(
        "a late answer is taken for that of the next attempt",
        "machine",
        "return attempt == self.attempt(node, index) if self._attempts else attempt == 1",
        "return True",
    ),
    Mutation(
        "one attempt too few",
        "waiting",
        "> self.plan.tasks[node].max_retries",
        ">= self.plan.tasks[node].max_retries",
    ),
    Mutation(
        "a retry does not wait for its delay",
        "waiting",
        "(now + seconds, RETRY",
        "(now, RETRY",
    ),
    Mutation(
        "a mapped task ends before its last child",
        "machine",
        "if not group.left:",
        "if group.left <= 1:",
    ),
    Mutation(
        "what was replayed is handed out again",
        "known",
        "self._flags[node] |= SETTLED",
        "pass",
    ),
    Mutation(
        "work is handed out after a stop",
        "machine",
        "if not heap or self.stopping:\n            return None",
        "if not heap:\n            return None",
    ),
]


def keep_their_promises(make: Make, scenarios_at_most: int = 800) -> None:
    """All properties, over so many scenarios; raises where one does not hold."""

    @settings(
        max_examples=scenarios_at_most,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @seed(1)
    @given(scenarios(), st.integers(0, 10_000), st.integers(1, 4))
    def promises(scenario: Scenario, order: int, workers: int) -> None:
        ends_as_the_rules_say(make, scenario, order, workers)
        stops_when_cancelled(make, scenario, order, workers)
        resumes_from_what_succeeded(make, scenario, order, workers)

    promises()


# What is built on a module, and has to be made again with it.
_ABOVE = {
    "verdicts": ("known", "waiting", "machine"),
    "known": ("waiting", "machine"),
    "waiting": ("machine",),
    "machine": (),
}


def copied(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    """The machine of a copy of its modules in which one fragment is another."""
    source = (FOLDER / f"{mutation.module}.py").read_text(encoding="utf-8")
    assert source.count(mutation.fragment) == 1, f"mutation is stale: {mutation.fragment!r}"
    _load(mutation.module, source.replace(mutation.fragment, mutation.replacement), monkeypatch)
    for above in _ABOVE[mutation.module]:
        _load(above, (FOLDER / f"{above}.py").read_text(encoding="utf-8"), monkeypatch)
    found: type[Machine] = sys.modules["flowkit.plan.machine"].Machine
    return found


def _load(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module of this source in the place of the real one, until the test ends."""
    module = ModuleType(f"flowkit.plan.{name}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, f"<mutated {name}.py>", "exec"), module.__dict__)


def test_the_machine_as_it_is_keeps_its_promises() -> None:
    keep_their_promises(Machine)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_of_the_machine_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = copied(mutation, monkeypatch)
    with pytest.raises(Exception) as caught:
        keep_their_promises(mutant, 4000)  # it ends with the first that catches it, mostly within 300
    assert not isinstance(caught.value, HypothesisException)
