"""`flow.save()` and `Flow.load()`: a flow as a file of its user.

Source of the vocabulary: Prefect classic, 3.24. Guarantees: a file is whole or not there; what another user
wrote, or could have, is not unpickled: it carries a digest by the key that lies in this user's own folder.
"""

from __future__ import annotations

import hmac
import os
import pickle
import secrets
import stat
from pathlib import Path

from flowkit.errors import UsageError
from flowkit.flow.flow import Flow
from flowkit.flow.pickling import WHOLE
from flowkit.project.settings import user_folder
from flowkit.store import key as keys

_START = b"flowkit flow 1\n"
_DIGEST = 32
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def save(flow: Flow, fpath: str | Path | None = None) -> str:
    """Write a flow into a file, and return its path; this is `flow.save`.

    Args:
        fpath: default: a file named after the flow, in the user's configuration folder of flowkit.

    Raises:
        UsageError: something in the flow cannot be pickled, or the file cannot be written.
    """
    path = Path(fpath) if fpath is not None else _default(flow.name)
    content = _pickled(flow)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(_START + _digest(content) + content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"the flow `{flow.name}` cannot be saved as `{path}`: {error.strerror}") from None
    return str(path)


def load(fpath: str | Path) -> Flow:
    """The flow that `save` wrote; this is `Flow.load`.

    Args:
        fpath: the path, or the name of a flow that was saved without one.

    Raises:
        UsageError: there is none, or it is not this user's own, or what it needs is gone.
    """
    path = Path(fpath)
    if not path.exists() and path.name == str(fpath):
        path = _default(path.name)
    content = _own(path)
    try:
        flow = pickle.loads(content)
    except Exception as error:
        raise UsageError(
            f"`{path}` cannot be loaded here: {type(error).__name__}: {error}",
            hints=("what its tasks import must be there, as it was when it was saved",),
        ) from None
    assert isinstance(flow, Flow)
    return flow


def _own(path: Path) -> bytes:
    """The pickle in a file that this user's flowkit wrote."""
    try:
        opened = os.open(path, _READ)
    except OSError as error:
        raise UsageError(f"the flow `{path}` cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise UsageError(f"`{path}` is not a file that only you can write, so it is not loaded")
        with os.fdopen(opened, "rb", closefd=False) as file:
            content = file.read()
    finally:
        os.close(opened)
    start, digest = len(_START), len(_START) + _DIGEST
    if content[:start] != _START or not hmac.compare_digest(content[start:digest], _digest(content[digest:])):
        raise UsageError(
            f"`{path}` was not written by your flowkit, or is damaged, so it is not loaded",
            hints=("run the file that defines the flow, and `flow.save()` it again",),
        )
    return content[digest:]


def _pickled(flow: Flow) -> bytes:
    """The flow by value where cloudpickle is there: also the functions of a script."""
    try:
        import cloudpickle as pickler
    except ImportError:
        pickler = pickle
    whole = WHOLE.set(pickler is not pickle)
    try:
        content: bytes = pickler.dumps(flow)
    except Exception as error:
        hints = () if pickler is not pickle else ("`pip install cloudpickle` lets functions be saved too",)
        raise UsageError(f"the flow `{flow.name}` cannot be pickled: {error}", hints=hints) from None
    finally:
        WHOLE.reset(whole)
    return content


def _digest(content: bytes) -> bytes:
    return hmac.digest(_key(), _START + content, "sha256")


def _key() -> bytes:
    key = keys.load(user_folder(os.environ))
    if key is None:
        raise UsageError("flows cannot be saved or loaded: you have no folder of your own to keep a key in")
    return key


def _default(name: str) -> Path:
    folder = user_folder(os.environ)
    if folder is None:
        raise UsageError("there is no home folder for saved flows", hints=("give a path",))
    safe = "".join(char if char.isalnum() or char in "-_" else "-" for char in name.lower())
    return folder / "flows" / f"{safe}.flow"
