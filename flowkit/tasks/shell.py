"""Commands of the shell as tasks.

Source of the vocabulary: Prefect classic, 21.1.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from flowkit.engine.context import logger_of
from flowkit.engine.signals import FAIL
from flowkit.errors import CallError, DefinitionError, UsageError
from flowkit.flow.defaults import defaults_from_attrs
from flowkit.flow.task import Task
from flowkit.tasks.process_group import ProcessGroup, process_group

_LAST_LINES = 20  # of the output, in the message of a failure
_LAST_CHARACTERS = 2000

Env = Mapping[str, str | os.PathLike[str]]


class ShellTask(Task):
    """Run a command in a shell; its result is the last line that it writes.

    What it writes to stderr comes in the same order as what it writes to stdout. It reads nothing, and has no
    terminal. When it has ended, what it has left in the background and still runs is ended too; while
    something in the background can still write to its output, it has not ended.

    When the run is asked to stop it gets SIGTERM, and with all that it has started SIGKILL half a second
    later, or when its time is over.

    Args:
        command: one or more lines for the shell.
        env: variables that are added to those of flowkit's own environment.
        helper_script: lines that go before the command, in the same shell: functions, `cd`, `set -e`.
        shell: the program that reads the lines from the file that it is given.
        return_all: the result is a list of all lines.
        log_stderr: log the output as an error when the command fails.
        stream_output: log each line as it comes; a level, or True for INFO.
        **options: those of `Task`.

    Raises:
        DefinitionError: `stream_output` is no level.
    """

    def __init__(
        self,
        command: str | None = None,
        env: Env | None = None,
        helper_script: str | None = None,
        shell: str = "bash",
        return_all: bool = False,
        log_stderr: bool = False,
        stream_output: bool | int | str = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.command = command
        self.env = env
        self.helper_script = helper_script
        self.shell = shell
        self.return_all = return_all
        self.log_stderr = log_stderr
        self.stream_output = stream_output
        _level(self.name, stream_output)

    @defaults_from_attrs("command", "env", "helper_script")
    def run(
        self, command: str | None = None, env: Env | None = None, helper_script: str | None = None
    ) -> str | list[str] | None:
        """Run the command.

        Returns:
            Its last line, without the white space at its end, or None where there is none; with
            `return_all` all lines. What is no UTF-8 is replaced.

        Raises:
            FAIL: it exits with another code than 0; the result is what it would have been.
            CallError: no command, or something that cannot be one.
            UsageError: there is no such shell.
        """
        log = logger_of(self.name)
        level = _level(self.name, self.stream_output)
        script = self._script(command, helper_script)
        lines: deque[str] = deque(maxlen=None if self.return_all else _LAST_LINES)
        with self._started(script, self._environment(env)) as group:
            for raw in group.lines():
                lines.append(raw.decode(errors="replace").rstrip())
                if level is not None:
                    log.log(level, "%s", lines[-1])
        if group.stopped and group.code:
            raise KeyboardInterrupt
        result = list(lines) if self.return_all else (lines[-1] if lines else None)
        if group.code:
            self._fail(group.code, [*lines][-_LAST_LINES:], result, log)
        return result

    def _script(self, command: str | None, helper_script: str | None) -> bytes:
        if command is None:
            raise CallError(
                f"the task `{self.name}` has no command",
                hints=('give it one: `ShellTask(command="ls")`, or `ShellTask()(command="ls")` in the flow',),
            )
        for what, text in (("command", command), ("helper_script", helper_script or "")):
            if not isinstance(text, str):
                raise CallError(f"`{what}` of the task `{self.name}` is text, not `{type(text).__name__}`")
        text = f"{helper_script}\n{command}\n" if helper_script else f"{command}\n"
        return text.encode(errors="surrogateescape")  # names of files that are no UTF-8

    def _environment(self, env: Env | None) -> dict[str, str]:
        found = dict(os.environ)
        for name, value in (env or {}).items():
            if not isinstance(value, str | os.PathLike):
                raise CallError(
                    f"the variable `{name}` of the task `{self.name}` is text, not `{type(value).__name__}`"
                )
            found[name] = os.fspath(value)
        return found

    @contextmanager
    def _started(self, script: bytes, env: dict[str, str]) -> Iterator[ProcessGroup]:
        """Start the shell on a file without a name, which needs nobody to remove it.

        An argument of the shell would be shown by `ps`, and may not have more than 128 KiB.
        """
        with tempfile.TemporaryFile() as file:
            file.write(script)
            file.seek(0)
            number = file.fileno()
            with ExitStack() as stack:
                try:
                    group = stack.enter_context(
                        process_group([self.shell, f"/dev/fd/{number}"], env=env, pass_fds=[number])
                    )
                except (FileNotFoundError, PermissionError) as error:
                    raise UsageError(
                        f"the shell `{self.shell}` of the task `{self.name}` cannot be started: "
                        f"{error.strerror}"
                    ) from None
                yield group

    def _fail(self, code: int, last: list[str], result: Any, log: logging.Logger) -> NoReturn:
        message = f"Command failed with exit code {code}"
        if code < 0:
            message = f"Command was ended by {_signal_name(-code)} (exit code {code})"
        said = "\n".join(last)[-_LAST_CHARACTERS:].strip()
        if self.log_stderr:
            log.error("%s", "\n".join(result) if isinstance(result, list) else said)
        raise FAIL(f"{message}; its output ends with:\n{said}" if said else message, result=result)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # those for real time have no names
        return f"signal {number}"


def _level(name: str, given: bool | int | str) -> int | None:
    """The level that `stream_output` means; None: nothing is logged.

    Raises:
        DefinitionError: none.
    """
    if given is True:
        return logging.INFO
    level = logging.getLevelNamesMapping().get(given.upper()) if isinstance(given, str) else given
    if isinstance(level, int):
        return level or None
    raise DefinitionError(
        f"`stream_output` of the task `{name}` is true, false or a level of logging, not `{given}`"
    )
