"""A thread that has calls carried out by a worker process: it asks the lane, sends, and takes what comes.

What the process prints, logs and warns is handled in this thread as if the task ran here.

Guarantees: a worker that ends costs the attempt that it carried out, and is replaced.
Relies on: `leave` is called from other threads; everything else from this one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flowkit.engine.context import CURRENT, logger_of
from flowkit.engine.errand import PLAIN, Answer, UnsendableError
from flowkit.engine.interrupts import GRACE
from flowkit.engine.processes.batch import Batch
from flowkit.engine.processes.deaths import UnstartableError
from flowkit.engine.processes.fork_server import fork_server
from flowkit.engine.processes.hired import Hired
from flowkit.engine.processes.saying import CALLS, HELLO, LEAVE, STOPPED
from flowkit.errors import FlowkitError
from flowkit.plan.events import Call, Detail
from flowkit.plan.status import SUCCESS

if TYPE_CHECKING:
    from flowkit.engine.attempt import Attempt
    from flowkit.engine.processes.crew import ProcessCrew
    from flowkit.engine.worker import Finished

_PATIENCE = 2.0  # seconds that a killed process has to be gone


class Feeder:
    """See the module.

    Args:
        name: of the worker, in the record.

    Attributes:
        calls: what is carried out.
        engine: of the run.
        plain: see `Worker`.
        left: whether its call was given up, and another has its place.
        remains: whether its process could not be ended.
    """

    def __init__(self, crew: ProcessCrew, name: str) -> None:
        self.name = name
        self.calls: Sequence[Call] = ()
        self.left = False
        self.remains = False
        self._crew = crew
        self._lane = crew.lane
        self.engine = crew.lane.engine
        self.plain = self.engine.worker.plain
        self._worker = self.engine.worker
        self._hired: Hired | None = None
        self._batch: Batch | None = None
        self._ahead: Sequence[Call] = ()

    def work(self) -> None:
        """The thread."""
        lane, batching = self._lane, self._crew.batching
        try:
            calls, ahead = lane.exchange_many((), (), batching)
            while calls:
                self.calls, self._ahead = [*calls, *ahead] if ahead else calls, ahead
                if self._crew.unseen and not self._crew.unseen.isdisjoint(calls):
                    self._crew.leave(self)
                finished, unbegun = self._all_carried_out(calls, ahead)
                calls, ahead = lane.exchange_many(finished, unbegun, batching)
        except BaseException as error:
            self.engine.broke(error)
        finally:
            self.calls = ()
            self._dismiss()

    # -- called from other threads ------------------------------------------------------------

    def end(self, grace: float) -> None:
        """End its process, as its call was given up."""
        hired = self._hired
        if hired is not None:
            hired.end(grace)

    # -- calls --------------------------------------------------------------------------------

    def _all_carried_out(
        self, calls: Sequence[Call], ahead: Sequence[Call]
    ) -> tuple[list[Finished], Sequence[Call]]:
        """Have calls carried out, and those ahead.

        Returns:
            The ends that were not reported, and the calls that were not begun.
        """
        finished: list[Finished] = []
        if calls[0][0] in self._worker.attended:
            finished.append(self._attended(calls[0]))
            return finished, []
        sent, errands = self._errands(calls, finished)
        left: Sequence[Call] = ()
        if ahead:
            left = self._add_ahead(ahead, sent, errands) if not finished else ahead
        if not sent:
            return finished, left
        try:
            batch = self._hand_over(errands)
        except (UnsendableError, UnstartableError, FlowkitError) as error:
            finished += [self._failed(call, error) for call in calls if call in sent]
            return finished, ahead
        ends, unbegun, death = batch.carried_out(sent)
        self._learn(sent, ends, batch)
        good, vain = self._all_ended(ends)
        finished += good
        if death is not None:
            finished.append(self._failed(*death))
        return finished, [*unbegun, *left, *vain] if left or vain else unbegun

    def _learn(self, sent: Sequence[Call], ends: Sequence[Answer | Finished], batch: Batch) -> None:
        """Note how long they took, and what cannot be followed by others in the same batch."""
        batching = self._crew.batching
        if batch.answered:
            batching.learn(sent[0][0], batch.seconds / batch.answered)
        for end in ends:
            if isinstance(end, Answer) and end.kind != PLAIN:
                batching.follow_no_more(end.call[0])
                break

    def _errands(
        self, calls: Sequence[Call], failed: list[Finished]
    ) -> tuple[list[Call], list[tuple[Any, ...]]]:
        """What is sent of calls, of those of which it can be; the others are added to those that failed."""
        node, of, errands = calls[0][0], self._worker.arguments, self._crew.errands
        if len(calls) > 1 and calls[0][1] >= 0 and calls[-1][0] == node:  # children of one task
            with contextlib.suppress(Exception):  # then it is found out which
                given = of.of_children(node, [call[1] for call in calls], closed=True)
                return list(calls), errands.errands(calls, given)
        sent: list[Call] = []
        found: list[tuple[Any, ...]] = []
        for call in calls:
            try:
                found += errands.errands((call,), (of.of(call[0], call[1], closed=True),))
                sent.append(call)
            except BaseException as error:
                failed.append(self._failed(call, error))
        return sent, found

    def _add_ahead(
        self, ahead: Sequence[Call], sent: list[Call], errands: list[tuple[Any, ...]]
    ) -> Sequence[Call]:
        """Send calls with those whose ends they wait for; returns those of which it is not to be."""
        places = {node: place for place, (node, _, _) in enumerate(sent)}
        for done, call in enumerate(ahead):
            try:
                given, awaited = self._worker.arguments.ahead(call[0], places)
                errand = self._crew.errands.errand(call, given)
            except Exception:  # which will be found out when their turn comes
                return ahead[done:]
            if not isinstance(errand.arguments, dict):
                return ahead[done:]
            places[call[0]] = len(sent)
            sent.append(call)
            errands.append(tuple(errand._replace(awaited=awaited)))
        return ()

    def _failed(self, call: Call, error: BaseException) -> Finished:
        CURRENT.set((self.engine, call))
        return self._worker.begun(call, self.name).raised(error)

    def _all_ended(self, ends: Sequence[Answer | Finished]) -> tuple[list[Finished], list[Call]]:
        """The ends that answers are; and calls that went ahead in vain, as the result of one before them
        could not be kept here: nobody takes their ends."""
        all_ended = [self._ended(end) if isinstance(end, Answer) else end for end in ends]
        if not self._ahead:
            return all_ended, []
        finished: list[Finished] = []
        vain: list[Call] = []
        is_good = True
        for each in all_ended:
            call = each[0][:3]
            if is_good or call not in self._ahead:
                finished.append(each)
                is_good = is_good and each[0][3] == SUCCESS
            else:
                vain.append(call)
        return finished, vain

    def _ended(self, answer: Answer) -> Finished:
        """The end that an answer is."""
        call, kind, value, started, ended, facts, _ = answer
        if kind == PLAIN and not answer.memory and (self.plain is None or type(value) in self.plain):
            detail = None if facts is None else Detail(*facts)
            return (*call, SUCCESS, started, ended, self.name, detail), value, None
        CURRENT.set((self.engine, call))
        return self._finish(self._worker.begun(call, self.name), answer)

    def _finish(self, attempt: Attempt, answer: Answer) -> Finished:
        if answer.kind == STOPPED:
            return attempt.raised(KeyboardInterrupt(), (answer.started, answer.ended))
        return self._crew.errands.finish(attempt, answer)

    def _attended(self, call: Call) -> Finished:
        """Have a call carried out to which something is to be done here, before or after."""
        CURRENT.set((self.engine, call))
        attempt = self._worker.begun(call, self.name)
        arguments = attempt.begin()
        if arguments is None:
            assert attempt.finished is not None
            return attempt.finished
        try:
            batch = self._hand_over([tuple(self._crew.errands.errand(call, arguments))])
        except (UnsendableError, UnstartableError, FlowkitError) as error:
            return attempt.raised(error)
        ends, _, death = batch.carried_out([call])
        CURRENT.set((self.engine, call))
        if death is not None:
            return attempt.raised(death[1])
        end = ends[0]
        if not isinstance(end, Answer):
            (*_, started, ended, _, _), value, _ = end
            end = Answer(call, PLAIN, value, started, ended)
        return self._finish(attempt, end)

    def _hand_over(self, errands: Sequence[tuple[Any, ...]]) -> Batch:
        """Send errands, of each its fields, to its worker, a new one where there is none.

        Raises:
            UnsendableError, UnstartableError, FlowkitError: they are with nobody.
        """
        hired, batch = self._hired, self._batch
        if hired is None or batch is None:
            hello = self._crew.hello
            hired = self._hired = Hired(fork_server())
            batch = self._batch = Batch(hired, self)
            with contextlib.suppress(OSError):  # it has ended: who waits for answers will see
                hired.link.send((HELLO, tuple(hello)))
        work = self._crew.work_of(errands, hired)
        if self.left:
            hired.end(0.0)
        try:
            hired.claim(len(errands))
            hired.link.send((CALLS, work))
        except OSError:  # it has ended: who waits for answers will see
            pass
        return batch

    def report(
        self,
        ends: Sequence[Answer | Finished],
        begun: Sequence[Call],
        started: float,
        unbegun: Sequence[Call],
    ) -> None:
        """See `Lane.report`."""
        self.calls = self.calls[len(ends) : len(self.calls) - len(unbegun)]
        finished, vain = self._all_ended(ends)
        self._lane.report(finished, begun, started, [*unbegun, *vain])

    # -- ends ---------------------------------------------------------------------------------

    def death(self, hired: Hired, call: Call | None) -> BaseException:
        """Its worker has ended: what is raised for the call that it carried out, or for none."""
        self._hired = None
        # Who takes its place need not wait until what it has started is ended too.
        wait = hired.wait_for_end if self.left else hired.wait_for_status
        if not wait(_PATIENCE):  # it does not listen any more, but runs
            hired.end(0.0)
            self.remains = not wait(_PATIENCE)
        hired.close()
        if hired.error:
            return UnstartableError(hired.error)
        return self._crew.death(call, hired.status)

    def _dismiss(self) -> None:
        """The run is over, or another has this place: let the worker go."""
        hired, self._hired = self._hired, None
        if hired is None:
            return
        with contextlib.suppress(OSError):
            hired.link.send((LEAVE, None))
        if not hired.wait_for_end(GRACE):
            hired.end(0.0)
            self.remains = not hired.wait_for_end(_PATIENCE)
        elif hired.left:
            logger_of("").warning(
                "Tasks of the worker %s have left processes running, %d, which were ended with the run.",
                *(self.name, hired.left),
            )
        hired.close()
