"""`flowkit resume [RUN]`: goes on with a run that failed, was interrupted or was killed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from flowkit.cli import secrets
from flowkit.cli.carry_out import carry_out, refuse_unusable
from flowkit.cli.loading import Loaded, load_of_run
from flowkit.cli.place import here, memory_of, say
from flowkit.cli.run import executor_for, params_from, say_outdated, settings_for
from flowkit.cli.run_options import Level, Output, RunOptions, given_by_pairs
from flowkit.cli.wording import counted, listed
from flowkit.engine.secret import cover
from flowkit.errors import HistoryError, UsageError
from flowkit.flow.values import checked
from flowkit.plan.compiler import compile_flow
from flowkit.plan.outline import restored
from flowkit.project.settings import Settings
from flowkit.runs.again import said
from flowkit.runs.borrow import Chosen, borrowed
from flowkit.runs.durations import deciding, known_of
from flowkit.runs.memory import Asked, Memory, session_of
from flowkit.runs.resume import Continuation, claim, continuation, go_on, parameters_of
from flowkit.runs.start import executors_for
from flowkit.store import owners
from flowkit.store.history import History, no_runs
from flowkit.store.records import RunRecord
from flowkit.store.run_status import RunStatus


def add_to(app: typer.Typer, arguments: list[str]) -> None:
    """Add the command."""

    @app.command("resume")
    def resume(
        run: Annotated[
            str, typer.Argument(metavar="[RUN]", help="Number, name, `latest` or `failed`.")
        ] = "latest",
        force: Annotated[
            list[str] | None, typer.Option("--force", "-f", metavar="[TASK]", help="Run this again too.")
        ] = None,
        pairs: Annotated[
            list[str] | None, typer.Option("-p", "--param", metavar="KEY=VALUE", help="Another value.")
        ] = None,
        params: Annotated[Path | None, typer.Option("--params", help="Other values, from a file.")] = None,
        executor: Annotated[str | None, typer.Option("--executor", metavar="LANE")] = None,
        workers: Annotated[int | None, typer.Option("--workers", "-w", metavar="N")] = None,
        timeout: Annotated[str | None, typer.Option("--timeout", metavar="TIME")] = None,
        no_cache: Annotated[bool, typer.Option("--no-cache")] = False,
        fail_fast: Annotated[bool, typer.Option("--fail-fast/--keep-going")] = False,
        output: Annotated[Output | None, typer.Option("--output", metavar="HOW")] = None,
        quiet: Annotated[int, typer.Option("--quiet", "-q", count=True)] = 0,
        verbose: Annotated[int, typer.Option("--verbose", "-v", count=True)] = 0,
        as_json: Annotated[bool, typer.Option("--json")] = False,
        junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE")] = None,
        log_level: Annotated[Level | None, typer.Option("--log-level", metavar="LEVEL")] = None,
        pdb: Annotated[bool, typer.Option("--pdb")] = False,
        debug: Annotated[bool, typer.Option("--debug")] = False,
    ) -> None:
        """Go on with a run that failed, was interrupted or was killed; what is done is not run again."""
        options = RunOptions(
            module=None,
            pairs=pairs,
            params=params,
            keys=None,
            executor=executor,
            workers=workers,
            select=None,
            exclude=None,
            dry_run=False,
            force=force,
            no_cache=no_cache,
            no_persist=False,
            fail_fast=fail_fast,
            timeout=timeout,
            output=output,
            junit=junit,
            as_json=as_json,
            log_level=log_level,
            pdb=pdb,
            debug=debug,
            quiet=quiet,
            verbose=verbose,
        )
        raise typer.Exit(_resume(run, options))


def _resume(text: str, options: RunOptions) -> int:
    chosen = settings_for(options)
    refuse_unusable(options)
    memory = memory_of(here(), chosen, reads_only=True)
    if memory is None:
        raise no_runs()
    run = None
    try:
        run = _found(memory, text)
        claim(memory, run)
        # Once more: what it was when it was found may have ended since.
        with History(memory.folder) as history:
            run = history.find(str(run.number))
            outline = restored(history.outline(run))
        return _go_on(memory, run, outline, options, chosen)
    except BaseException:
        if run is not None:
            owners.release(memory.folder, run.number)
        memory.close()
        raise


def _found(memory: Memory, text: str) -> RunRecord:
    with History(memory.folder) as history:
        run = history.find(text)
        known = history.outline(run)
    if not run.ref:
        raise UsageError(
            f"run {run.number} ({run.name}) cannot be gone on with: its flow was not defined in a file"
        )
    if not known:
        raise HistoryError(f"what run {run.number} ({run.name}) was made of is not kept any more")
    return run


def _go_on(
    memory: Memory, run: RunRecord, outline: dict[str, Any], options: RunOptions, chosen: Settings
) -> int:
    loaded = load_of_run(memory, run)
    values = _values(memory, run, loaded, options)
    flow = loaded.built(values)
    executor = executor_for(flow, options, chosen)
    asked = _asked(run, options)
    chosen_tasks = Chosen.of(flow, asked.only, asked.given)
    durations = known_of(memory, flow)
    plan = compile_flow(
        flow,
        lane=executor.name,
        only=chosen_tasks.only,
        given=chosen_tasks.given,
        durations=deciding(durations, flow, executor),
    )
    lent = borrowed(memory, plan, chosen_tasks, asked.taken)
    found = continuation(memory, run, outline, plan, values, asked.forced, lent)
    if run.status is RunStatus.SUCCESS and found.is_done:
        say(f"run {run.number} ({run.name}) is done: nothing is left to run")
        owners.release(memory.folder, run.number)
        memory.close()
        return 0
    executors = executors_for(plan, executor, chosen.workers)
    for line in _said(found):
        say(line)
    say_outdated(memory, flow, values, lent.runs)
    kept = go_on(memory, found, values, session_of(executor, asked.command), asked)
    kept.results.borrow(lent.sources)
    return carry_out(
        run.flow,
        plan,
        values,
        executors,
        options,
        chosen,
        kept,
        found.earlier,
        careful=found.careful,
        durations=durations,
        context=asked.context,
    )


def _values(memory: Memory, run: RunRecord, loaded: Loaded, options: RunOptions) -> dict[str, Any]:
    """The values that the run was given, but for those that are given now."""
    values, missing = parameters_of(memory, run)
    known = {parameter.name for parameter in loaded.flow.parameters()}
    values = {name: value for name, value in values.items() if name in known}
    values.update(params_from(options.params) if options.params else {})
    secret = {parameter.name for parameter in loaded.flow.parameters() if parameter.secret}
    texts = given_by_pairs(options.pairs or ())
    problems = [
        f"`{name}` has to be given again (`-p {name}=VALUE`): {reason}"
        for name, reason in missing.items()
        if name in known and name not in secret and name not in texts and name not in values
    ]
    values = checked(loaded.flow, values, texts, problems=problems, ask=secrets.ask)
    cover(loaded.flow.parameters(), values)
    return values


def _asked(run: RunRecord, options: RunOptions) -> Asked:
    before = run.asked
    return Asked(
        ref=run.ref,
        command=shlex.join(["flowkit", *sys.argv[1:]]),
        select=before.get("select"),
        exclude=before.get("exclude"),
        only=tuple(before["only"]) if before.get("only") is not None else None,
        given=tuple(before.get("given", ())),
        taken=before.get("taken", {}),
        forced=tuple(options.force or ()),
        reads=not options.no_cache,
        persists=bool(before.get("persists", True)),
        idempotency_key=before.get("idempotency_key"),
        context=before.get("context") or {},
    )


def _said(found: Continuation) -> Iterator[str]:
    """What a person should know before the run goes on."""
    run, matching, plan = found.run, found.matching, found.plan
    done = sum(not plan.hidden(node) for node, _ in found.standing.ends)
    left = f"{counted(done, 'task')} done" if done else "nothing is done yet"
    yield f"run {run.number} ({run.name}) of {run.flow} {run.status.ended}: {left}, the rest runs now"
    if matching.parameters:
        yield f"note: other parameters than before: {listed(list(matching.parameters))}"
    for line in said(found.again, [plan.keys[node] for node in matching.changed]):
        yield f"note: {line}"
    if matching.added:
        yield f"note: new in the flow: {listed(list(matching.added))}"
    if matching.removed:
        yield f"note: no longer in the flow: {listed(list(matching.removed))}"
    for before, after in matching.renamed[:10]:
        yield f"note: {before} is called {after} now"
    if found.standing.unreadable:
        again = [plan.keys[node] for node in sorted(found.standing.unreadable) if not plan.hidden(node)]
        if again:
            yield f"note: run again, as their results were not kept, or cannot be read: {listed(again)}"
