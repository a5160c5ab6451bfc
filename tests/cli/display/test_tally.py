"""What the rows of a run add up to, against what the engine says in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowkit.cli.tally import Tally
from flowkit.engine.engine import Engine
from flowkit.engine.executors.inline import LocalExecutor
from flowkit.engine.signals import RETRY, SKIP
from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.flow.task import task
from flowkit.plan.compiler import compile_flow
from flowkit.plan.status import CANCELLED, MAPPED, SUCCESS

ENDS = st.sampled_from(["ok", "fail", "skip", "retry"])


class Counting:
    def __init__(self, loud):
        self._loud = loud

    def begin(self, engine):
        self.tally = Tally(engine.plan, lambda tasks, children: self._loud)

    def see(self, rows, lines):
        self.notable = self.tally.take(rows)

    def end(self, outcome):
        pass


def flow_of(ends, children):
    tried = set()

    @task
    def numbers():
        return list(range(len(children)))

    def behave(how, who):
        if how == "fail":
            raise ValueError
        if how == "skip":
            raise SKIP
        if how == "retry" and who not in tried:
            tried.add(who)
            raise RETRY(after=0)

    @task
    def one(upstream, how, number):
        behave(how, number)

    @task
    def child(number):
        behave(children[number], ("child", number))

    with Flow("f") as flow:
        Parameter("unused", default=1)()
        before = numbers()
        for number, how in enumerate(ends):
            before = one([before], how, number)
        child.map(numbers())
    return flow


@given(st.lists(ENDS, max_size=5), st.lists(ENDS, max_size=5), st.booleans(), st.booleans())
def test_every_task_and_child_is_counted_once_as_it_ended(ends, children, loud, fail_fast):
    counting = Counting(loud)
    plan = compile_flow(flow_of(ends, children), lane="inline")
    engine = Engine(plan, [LocalExecutor()], observers=[counting], fail_fast=fail_fast)
    engine.run()
    machine, tally = engine.machine, counting.tally
    expected = [0] * len(tally.counts)
    for node, status in enumerate(machine.status):
        group = machine.groups.get(node)
        if plan.hidden(node):
            continue
        if group is None:
            expected[status] += 1
        elif group.width:
            for state in group.states:
                expected[state] += 1
        else:
            expected[SUCCESS if status == MAPPED else CANCELLED] += 1
    assert tally.counts == expected
    assert tally.done == tally.total == sum(expected)
    assert not tally.running
    assert not tally.retrying


def test_hidden_tasks_are_those_that_the_plan_hides():
    plan = compile_flow(flow_of(["ok", "fail"], ["ok"]), lane="inline")
    tally = Tally(plan)
    assert [tally.hidden(node) for node in range(plan.size)] == [
        plan.hidden(node) for node in range(plan.size)
    ]
