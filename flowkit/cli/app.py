"""The command `flowkit`: which commands there are, and how they end.

A command is a file with a function; what it cannot do it says as a `FlowkitError`, which is shown and
becomes the exit code here, in one place.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from flowkit import __version__
from flowkit.cli import (
    cache,
    cancel,
    completion,
    diff,
    doctor,
    errors,
    flows,
    graph,
    init,
    logs,
    overview,
    predict,
    register,
    replay,
    report,
    resume,
    run,
    runs,
    settings,
    upkeep,
    usage,
    why,
)
from flowkit.cli.help import use_in
from flowkit.cli.place import say
from flowkit.cli.run_options import spelled_out
from flowkit.cli.streams import open_streams
from flowkit.engine.fork import STOPPING
from flowkit.errors import FlowkitError, UsageError
from flowkit.store.database import SET_ASIDE

_UNWRITABLE = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT)
_INTERRUPTED = tuple(128 + number for number in STOPPING)


def main() -> NoReturn:
    """Run the command and exit with its code."""
    open_streams()
    arguments = spelled_out(sys.argv[1:])
    debug = "--debug" in arguments
    try:
        try:
            _obey(arguments)
        finally:
            _end_at_once_from_now_on()
            _say_set_aside()
            sys.stdout.flush()
    except FlowkitError as error:
        errors.show(error, debug=debug)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _end_interrupted(130)
    except SystemExit as ended:
        if ended.code in _INTERRUPTED:
            _end_interrupted(ended.code)
        raise
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            sys.exit(errors.show_bug(error, debug=debug))
        _give_up_output(error)
    except Exception as error:
        sys.exit(errors.show_bug(error, debug=debug))
    sys.exit(0)


def _obey(arguments: list[str]) -> None:
    """Carry the command out.

    Raises:
        SystemExit: with its exit code.
        FlowkitError: it cannot be carried out, or was asked for wrongly.
    """
    try:
        code = application(arguments)(args=arguments, prog_name="flowkit", standalone_mode=False)
    except typer.Abort:
        raise FlowkitError("stopped: nothing was done") from None
    except typer.TyperException as error:
        if type(error).__name__ != "NoArgsIsHelpError":  # which has shown the help by now
            raise usage.explained(error, arguments) from None
        code = UsageError.exit_code
    sys.exit(code or 0)


def _end_at_once_from_now_on() -> None:
    """Let Ctrl-C end what Python does after a command, also where it comes just before the main thread waits
    for a thread that a task has left: then no handler would run before that ends."""
    signal.signal(signal.SIGINT, _end_at_once)
    if _has_strays():
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=_end_when_told, args=(reading,), daemon=True).start()


def _end_when_told(reading: int) -> None:
    while signal.SIGINT not in os.read(reading, 64):
        pass
    os._exit(128 + signal.SIGINT)


def _has_strays() -> bool:
    """Whether there are threads that Python waits for before it ends."""
    return any(not each.daemon and each is not threading.main_thread() for each in threading.enumerate())


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Ctrl-C when a command is done: what Python does before it ends, as to wait for threads that tasks have
    started, is cut short, without a traceback."""
    os._exit(128 + number)


def _end_interrupted(code: int) -> NoReturn:
    """The end of a command that was asked to stop: it waits for no thread that a task has started."""
    if _has_strays():
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _say_set_aside() -> None:
    for kept in SET_ASIDE:
        say(f"warning: the history was damaged; it is kept as `{kept}` and a new one begins")


def _give_up_output(error: OSError) -> NoReturn:
    """Nobody takes what is written: say so where someone may, and leave without another try to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error.errno != errno.EPIPE:  # a reader that went away, such as `head`, knows
        errors.show(FlowkitError(f"the output cannot be written: {error.strerror}"))
    sys.exit(1)


def application(arguments: list[str]) -> typer.Typer:
    """The Typer application for these arguments; `run` takes the parameters of the flow that they name."""
    app = typer.Typer(
        name="flowkit",
        help="Define workflows in Python, see them, run them. No server, no account.",
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        add_completion=False,  # ours does not import Typer
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_start)
    init.add_to(app)
    run.add_to(app, arguments)
    resume.add_to(app, arguments)
    for command in (
        register,
        graph,
        predict,
        flows,
        runs,
        logs,
        why,
        diff,
        replay,
        report,
        cancel,
        completion,
        cache,
        upkeep,
        settings,
        doctor,
        completion,
    ):
        command.add_to(app)
    use_in(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"flowkit {__version__}")
        raise typer.Exit


def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Define workflows in Python, see them, run them. No server, no account."""
    if context.invoked_subcommand is None:
        overview.show()
