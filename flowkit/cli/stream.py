"""One of the two streams of the process, as it was when the command began.

Guarantees: writing never raises because of who reads: when the reader has gone, the rest is dropped,
also what Python itself would flush at exit; what the encoding does not have is written in other signs.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
from typing import TextIO

# For encodings without these signs: what is nearest in ASCII, one cell each.
_ASCII = {
    **dict(zip("✓✗○⊘▸↻·│━╸─…•×→⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "+x-!>~-|#=-.*x>|/-\\|/-\\|/", strict=True)),  # noqa: RUF001
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╞╡╪╔╗╚╝", "+"),
    **dict.fromkeys("║┃╎╏┆┇‖", "|"),
    **dict.fromkeys("═╌╍┄┅╺", "-"),
    **dict(zip("‘’“”–—", "''\"\"--", strict=True)),  # noqa: RUF001
}  # fmt: skip
NEAREST = "flowkit.nearest"
"""The name of what to do with what an encoding does not have: another sign, or else an escape."""


def _nearest(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    found = "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in part)
    return found, error.end


codecs.register_error(NEAREST, _nearest)


class Stream:
    """Writes text to a stream that may break.

    Args:
        file: the stream; None, as Python has it where it was closed, drops everything.

    Attributes:
        failed: why something could not be written, but for a reader that has gone, which knows.
    """

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.failed: str | None = None

    @property
    def encoding(self) -> str:
        """The name of the encoding."""
        return getattr(self._file, "encoding", None) or "utf-8"

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._file is None

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._file is not None and self._file.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        """The file descriptor.

        Raises:
            OSError: there is none.
        """
        if self._file is None:
            raise OSError("the stream is closed")
        return self._file.fileno()

    def write(self, text: str) -> int:
        """Write; returns how many characters were taken."""
        if self._file is None:
            return len(text)
        try:
            self._put(text)
        except BlockingIOError:
            self._wait()
        except (OSError, ValueError) as error:  # a broken pipe, a terminal that was closed, a closed file
            self._drop(error)
        return len(text)

    def _put(self, text: str) -> None:
        assert self._file is not None
        try:
            self._file.write(text)
        except UnicodeEncodeError:
            self._file.write(text.encode(self.encoding, NEAREST).decode(self.encoding))

    def flush(self) -> None:
        """Hand what was written to the reader."""
        if self._file is None:
            return
        try:
            self._file.flush()
        except BlockingIOError:
            self._wait()
        except (OSError, ValueError) as error:
            self._drop(error)

    def _wait(self) -> None:
        """Another program made what we share non-blocking: make it block again, and go on."""
        try:
            os.set_blocking(self.fileno(), True)
            if self._file is not None:
                self._file.flush()
        except (OSError, ValueError) as error:
            self._drop(error)

    def _drop(self, error: OSError | ValueError) -> None:
        """Nobody reads any more. What lies in Python's buffer must not fail at exit either."""
        if isinstance(error, OSError) and error.errno != errno.EPIPE:
            self.failed = error.strerror
        file, self._file = self._file, None
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, file.fileno())  # type: ignore[union-attr]
            os.close(nowhere)
