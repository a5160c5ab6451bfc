"""`flowkit run NAME`: from what was typed to an exit code."""

from __future__ import annotations

import difflib
import json
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from flowkit.cli import dry_run, secrets, watched
from flowkit.cli.carry_out import carry_out, refuse_unusable
from flowkit.cli.help import Known
from flowkit.cli.loading import Loaded, load_named
from flowkit.cli.place import here, memory_of, put, say, settings
from flowkit.cli.run_options import (
    OTHERS_PANEL,
    OWN_PANEL,
    RunOptions,
    as_help,
    given_as_context,
    given_as_options,
    given_by_pairs,
    named_in,
    signature_for,
    unknown_options,
    watches,
    without_options,
)
from flowkit.draw.labels import printable
from flowkit.engine.secret import cover
from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.values import checked
from flowkit.plan.compiler import compile_flow
from flowkit.plan.plan import Plan
from flowkit.project.names import quoted
from flowkit.project.settings import Settings
from flowkit.runs import executor_named
from flowkit.runs.borrow import borrowed, choose
from flowkit.runs.durations import deciding, known_of
from flowkit.runs.memory import Asked, Memory, forced_nodes, session_of
from flowkit.runs.outdated import outdated, said
from flowkit.runs.start import executors_for


def add_to(app: typer.Typer, arguments: list[str]) -> None:
    """Add the command; where `arguments` name a flow, with its parameters as options."""
    loaded = _loaded(arguments)
    flow = loaded.flow if loaded else None

    def run(context: typer.Context, name: str | None = None, **given: Any) -> None:
        if watches(arguments[1:]) and name is not None:
            from flowkit.cli.watch import watch

            raise typer.Exit(watch([each for each in arguments if each != "--watch"], given["params"]))
        if loaded is None:
            raise UsageError("`flowkit run` needs the name of a flow", hints=("`flowkit` alone lists them",))
        options = RunOptions(**{field: given.pop(field) for field in RunOptions.__dataclass_fields__})
        raise typer.Exit(_run(loaded, options, given, context.args))

    signature = signature_for(flow)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    run.__doc__ = _help(flow)
    if loaded is not None:
        run.known = _known(loaded)  # type: ignore[attr-defined]
    app.command("run", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(run)


def _loaded(arguments: list[str]) -> Loaded | None:
    """The flow that is to be run, loaded before Typer looks at the options, as they depend on it."""
    if not arguments or arguments[0] != "run" or watches(arguments[1:]):
        return None
    name = named_in(arguments[1:])
    if name is None:
        return None
    return replace(load_named(name, here(), settings().settings.flows), called=name)


def _help(flow: Flow | None) -> str:
    if flow is None:
        return "Run a flow. Its parameters become options: `flowkit run NAME --help` lists them."
    return as_help(flow.description or f"Run the flow {flow.name}.")


def _known(loaded: Loaded) -> Known:
    others = [(printable(name), as_help(text)) for name, text in without_options(loaded.flow)]
    return Known(shlex.quote(printable(loaded.called or loaded.flow.name)), others, OTHERS_PANEL, OWN_PANEL)


def _run(loaded: Loaded, options: RunOptions, given: Mapping[str, Any], extra: list[str]) -> int:
    chosen = settings_for(options)
    values = values_of(loaded, options, given, extra)
    whole = loaded.built(values)
    if not whole.tasks:
        say(
            f"note: the flow {quoted(whole.name)} has no task: one is part of it where it is called, as `a()`"
        )
    watched.tell(loaded.project, whole, values)
    executor = executor_for(whole, options, chosen)
    asked = Asked(
        ref=loaded.ref,
        command=shlex.join(["flowkit", *sys.argv[1:]]),
        select=options.select,
        exclude=options.exclude,
        forced=tuple(options.force or ()),
        reads=not options.no_cache,
        persists=not options.no_persist,
        context=given_as_context(options.keys or ()),
    )
    memory = memory_of(loaded.project, chosen, reads_only=options.dry_run)
    try:
        chosen_tasks = choose(whole, options.select, options.exclude, memory, values)
        durations = known_of(memory, whole)
        plan = compile_flow(
            whole,
            lane=executor.name,
            only=chosen_tasks.only,
            given=chosen_tasks.given,
            durations=deciding(durations, whole, executor),
        )
        refuse_unknown(plan, asked.forced)
        refuse_unusable(options)
        if options.dry_run:
            put(dry_run.shown(whole, plan, chosen_tasks, values, memory, asked, as_json=options.as_json))
            if memory is not None:
                memory.close()
            return 0
        executors = executors_for(plan, executor, chosen.workers)
        kept = ends = None
        if memory is not None:
            found = borrowed(memory, plan, chosen_tasks)
            say_outdated(memory, whole, values, found.runs)
            ends = found.ends
            asked = replace(chosen_tasks.noted(asked, keys_of(whole)), taken=found.runs)
            kept = memory.begin(plan, values, session_of(executor, asked.command), asked)
            kept.results.borrow(found.sources)
    except BaseException:
        if memory is not None:
            memory.close()
        raise
    try:
        return carry_out(
            loaded.flow.name,
            plan,
            values,
            executors,
            options,
            chosen,
            kept,
            ends,
            durations=durations,
            context=asked.context,
        )
    finally:
        watched.tell(loaded.project, whole, values)  # tasks import modules too


def say_outdated(memory: Memory, flow: Flow, values: Mapping[str, Any], taken: Mapping[str, int]) -> None:
    """Say which of the results that are taken from earlier runs this one would make otherwise.

    Args:
        flow: with all its tasks.
    """
    line = said(outdated(memory, flow, values, taken), taken)
    if line:
        say(f"note: {line}")


def refuse_unknown(plan: Plan, forced: Sequence[str]) -> None:
    """Raise where `--force` names what is not there.

    Raises:
        UsageError: the first such name, with the nearest.
    """
    for name in forced:
        if not forced_nodes(plan, [name]):
            near = difflib.get_close_matches(name, plan.keys, 1)
            raise UsageError(
                f"`--force {name}`: the flow `{plan.name}` has no such task",
                hints=(f"did you mean `{near[0]}`?",) if near else (),
            )


def settings_for(options: RunOptions) -> Settings:
    return settings(
        {
            "executor": options.executor,
            "workers": options.workers,
            "output": options.output.value if options.output else None,
            "logging.level": options.log_level.value.upper() if options.log_level else None,
        }
    ).settings


def executor_for(flow: Flow, options: RunOptions, chosen: Settings) -> Any:
    """The flag wins over the flow's own, that over the settings."""
    if options.executor is None and flow.executor is not None:
        if not isinstance(flow.executor, str):
            return flow.executor
        return executor_named(flow.executor, chosen.workers)
    return executor_named(chosen.executor, chosen.workers)


def values_of(
    loaded: Loaded, options: RunOptions, given: Mapping[str, Any], extra: list[str]
) -> dict[str, Any]:
    """The parameters: options win over `-p`, those over the file.

    Raises:
        UsageError: all that is wrong with them, and with the options, at once.
    """
    flow = loaded.flow
    from_file = params_from(options.params) if options.params else {}
    texts = {**given_by_pairs(options.pairs or ()), **given_as_options(flow, given)}
    problems = unknown_options(flow, extra)
    try:
        values = checked(flow, from_file, texts, problems=problems, ask=secrets.ask, called=loaded.called)
    except UsageError as error:
        error.hints += (loaded.module.way_out,) if loaded.module.way_out else ()
        raise
    cover(flow.parameters(), values)
    return values


def params_from(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"the parameters file `{path}` cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise UsageError(f"the parameters file `{path}` is not {kind}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"the parameters file `{path}` has no names: it is a list or a single value")
    return found
