"""`flowkit run NAME`: from what was typed to an exit code."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tomllib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from flowkit.cli import dry_run
from flowkit.cli.completion import registered_flow
from flowkit.cli.console import Console
from flowkit.cli.debugger import post_mortem
from flowkit.cli.display import observers_for
from flowkit.cli.loading import Loaded, load_named
from flowkit.cli.place import here, settings
from flowkit.cli.run_options import (
    RunOptions,
    as_help,
    given_as_options,
    given_by_pairs,
    named_in,
    only_by_name,
    signature_for,
    unknown_options,
)
from flowkit.cli.streams import said_by, set_apart
from flowkit.engine.observers import Observer
from flowkit.errors import FlowkitError, UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.keys import keys_of
from flowkit.flow.selection import selected
from flowkit.flow.values import bare, checked, type_of
from flowkit.project.settings import Settings
from flowkit.runs import executor_named, prepare, show_logs

_RECORD = "%(levelname)s %(message)s"  # the gutter says which task, the display what time it is
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def add_to(app: typer.Typer, arguments: list[str]) -> None:
    """Add the command; where `arguments` name a flow, with its parameters as options."""
    loaded = _loaded(arguments)
    flow = loaded.flow if loaded else registered_flow()

    def run(context: typer.Context, name: str, **given: Any) -> None:
        if loaded is None:
            raise UsageError("`flowkit run` needs the name of a flow", hints=("`flowkit` alone lists them",))
        options = RunOptions(**{field: given.pop(field) for field in RunOptions.__dataclass_fields__})
        raise typer.Exit(_run(loaded, options, given, context.args))

    signature = signature_for(flow)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    run.__doc__ = _help(flow)
    app.command("run", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(run)


def _loaded(arguments: list[str]) -> Loaded | None:
    """The flow that is to be run, loaded before Typer looks at the options, as they depend on it."""
    if not arguments or arguments[0] != "run":
        return None
    name = named_in(arguments[1:])
    return load_named(name, here(), settings().settings.flows) if name is not None else None


def _help(flow: Flow | None) -> str:
    if flow is None:
        return "Run a flow. Its parameters become options: `flowkit run NAME --help` lists them."
    hidden = only_by_name((each.name, bare(type_of(each)) is bool) for each in flow.parameters())
    listed = "".join(f"\n\nAlso: -p {name}=VALUE" for name in hidden)
    return as_help((flow.description or f"Run the flow {flow.name}.") + listed)


def _run(loaded: Loaded, options: RunOptions, given: Mapping[str, Any], extra: list[str]) -> int:
    flow = loaded.flow
    chosen = _settings(options)
    values = _values(flow, options, given, extra)
    whole = loaded.built(values)
    keys = keys_of(whole)
    only = (
        selected(whole, keys, options.select, options.exclude) if options.select or options.exclude else None
    )
    executor = _executor(whole, options, chosen)
    if options.dry_run:
        print(dry_run.shown(whole, keys, only, executor, as_json=options.as_json))
        return 0
    show_logs(chosen.logging.level, everyones=options.log_level is not None, form=_RECORD)
    with set_apart() as (data, terminal):
        console = Console(stdout=data, stderr=terminal)
        engine = prepare(
            whole,
            values,
            executor,
            observers=_observers(console, loaded, options, chosen, executor.workers),
            only=only,
            fail_fast=options.fail_fast,
            timeout=chosen.run.timeout if options.timeout is None else _seconds(options.timeout),
            capture=True,
            switch_interval=chosen.switch_interval,
        )
        with closing(console), said_by(console):
            outcome = engine.run()
    if options.pdb:
        post_mortem(outcome)
    if console.out.failed is not None:
        raise FlowkitError(f"the output cannot be written: {console.out.failed}")
    if outcome.left_behind:  # at exit Python would wait for what the tasks left behind have started
        os._exit(outcome.exit_code)
    return outcome.exit_code


def _observers(
    console: Console, loaded: Loaded, options: RunOptions, chosen: Settings, workers: int
) -> list[Observer]:
    return observers_for(
        console=console,
        name=loaded.flow.name,
        workers=workers,
        command=shlex.join(["flowkit", *sys.argv[1:]]),
        output=chosen.output,
        json=options.as_json,
        junit=options.junit,
        quiet=options.quiet,
        verbose=options.verbose,
        debug=options.debug,
    )


def _settings(options: RunOptions) -> Settings:
    return settings(
        {
            "executor": options.executor.value if options.executor else None,
            "workers": options.workers,
            "output": options.output.value if options.output else None,
            "logging.level": options.log_level.value.upper() if options.log_level else None,
        }
    ).settings


def _executor(flow: Flow, options: RunOptions, chosen: Settings) -> Any:
    """The flag wins over the flow's own, that over the settings."""
    if options.executor is None and flow.executor is not None:
        if not isinstance(flow.executor, str):
            return flow.executor
        return executor_named(flow.executor, chosen.workers)
    return executor_named(chosen.executor, chosen.workers)


def _values(flow: Flow, options: RunOptions, given: Mapping[str, Any], extra: list[str]) -> dict[str, Any]:
    """The parameters: options win over `-p`, those over the file.

    Raises:
        UsageError: all that is wrong with them, and with the options, at once.
    """
    from_file = _from_file(options.params) if options.params else {}
    texts = {**given_by_pairs(options.pairs or ()), **given_as_options(flow, given)}
    return checked(flow, from_file, texts, problems=unknown_options(flow, extra))


def _from_file(path: Path) -> dict[str, Any]:
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


def _seconds(text: str) -> float:
    """Seconds from `90`, `90s`, `5m` or `1h`."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in "smh" and text else (text, "")
    try:
        seconds = float(number) * _UNITS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"`--timeout {text}` is not a time", hints=("for example 90, 90s, 5m or 1h",))
    return seconds
