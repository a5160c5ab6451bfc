"""The registry: the flows of a project in one TOML file, made to be read by people and compared.

Guarantees: replaced whole and durably, or not at all; written only under a lock that dies with its
holder, so that any number of processes lose nothing; a file that cannot be understood is named and
left alone; keys and tables that are not ours are kept (comments are not).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowkit.errors import RegistryError, UsageError
from flowkit.flow.names import check_name
from flowkit.project import state_folder, whole_file
from flowkit.project.entry import Descriptor, Entry, Table, from_table, problems, to_table
from flowkit.project.lock import locked
from flowkit.project.names import quoted, suggestions
from flowkit.project.root import Project

SCHEMA = 1
LARGEST = 8_000_000
_HEADER = """\
# The flows of this project, written by `flowkit register` and `flow.register()`.
# Keys that flowkit does not know are kept; comments are not.
"""
_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True)
class Change:
    """An entry that differs from what its file says now."""

    before: Entry
    after: Entry


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an update did, or would do; each part in the order of names."""

    new: tuple[Entry, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: tuple[Entry, ...] = ()
    gone: tuple[Entry, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def out_of_date(self) -> bool:
        """Whether the registry says anything else than the files."""
        return bool(self.new or self.changed or self.gone)


class Registry:
    """The registry of one project.

    Args:
        project: whose state folder has it; the folder is made by the first write only.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.path = project.state / "registry.toml"

    def read(self) -> dict[str, Entry]:
        """The entries by name, in the order of names; none where there is no registry.

        Raises:
            RegistryError: naming file, line and column, or the keys that are wrong.
        """
        return _entries(self.path, self._load())

    def find(self, name: str) -> Entry:
        """The entry called `name`.

        Raises:
            UsageError: with the nearest names.
            RegistryError: as `read`.
        """
        return _find(name, self.read())

    def update(
        self,
        found: Iterable[Descriptor],
        *,
        seen: Collection[str] = (),
        check: bool = False,
        prune: bool = False,
        now: datetime | None = None,
    ) -> Changes:
        """Make the registry say what was found in the flow files.

        Args:
            found: the flows, each name once.
            seen: the files that were loaded; a flow that one of them no longer has is gone, as is
                one whose file no longer exists. Flows of other files are left alone.
            check: only say what would change; nothing is written or made.
            prune: take out what is gone.
            now: the time to write, instead of the clock's.

        Raises:
            RegistryError: nothing has changed then.
            DefinitionError: a name that cannot be registered.
        """
        wanted = {check_name(each.name): each for each in found}
        if check:
            return self._compare(self._load(), wanted, seen, now)
        with self._locked():
            document = self._load()
            changes = self._compare(document, wanted, seen, now)
            if changes.new or changes.changed or (prune and changes.gone):
                self._write(_updated(document, changes, prune))
        return changes

    def remove(self, name: str) -> Entry:
        """Take out the entry called `name`, and return it.

        Raises:
            UsageError: with the nearest names.
            RegistryError: nothing has changed then.
        """
        _find(name, self.read())
        with self._locked():
            document = self._load()
            entry = _find(name, _entries(self.path, document))
            del document["flows"][name]
            self._write(document)
        return entry

    def _locked(self) -> Any:
        return locked(state_folder.prepare(self.project.state) / "registry.lock")

    def _load(self) -> Table:
        """The document as it stands in the file, checked."""
        if not state_folder.check(self.project.state) or not self.path.exists():
            return {"schema": SCHEMA, "flows": {}}
        try:
            data = whole_file.read(self.path, LARGEST)
        except OSError as error:
            raise _refusal(self.path, f"cannot be read: {error.strerror}") from error
        return _checked(self.path, _parsed(self.path, data))

    def _write(self, document: Table) -> None:
        import tomli_w

        flows = document.pop("flows")
        ordered = {"schema": SCHEMA} | document | {"flows": dict(sorted(flows.items()))}
        try:
            whole_file.replace(self.path, (_HEADER + tomli_w.dumps(ordered)).encode())
        except UnicodeEncodeError as error:
            raise RegistryError(
                f"`{self.path}` cannot hold {quoted(error.object)}: it is not Unicode text"
            ) from error
        except OSError as error:
            raise RegistryError(
                f"`{self.path}` cannot be written: {error.strerror}",
                hints=("what it held before is still there", "`FLOWKIT_HOME` names another folder for it"),
            ) from error

    def _compare(
        self,
        document: Table,
        wanted: dict[str, Descriptor],
        seen: Collection[str],
        now: datetime | None,
    ) -> Changes:
        old = _entries(self.path, document)
        registered = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        new = {name: Entry.of(each, old.get(name), registered) for name, each in sorted(wanted.items())}
        both = [Change(old[name], entry) for name, entry in new.items() if name in old]
        return Changes(
            new=tuple(entry for name, entry in new.items() if name not in old),
            changed=tuple(change for change in both if change.before != change.after),
            unchanged=tuple(change.after for change in both if change.before == change.after),
            gone=tuple(
                entry for name, entry in old.items() if name not in wanted and self._is_gone(entry, seen)
            ),
            notices=tuple(_alike(old.keys() | wanted.keys())),
        )

    def _is_gone(self, entry: Entry, seen: Collection[str]) -> bool:
        return entry.file in seen or not (self.project.root / entry.file).exists()


def _updated(document: Table, changes: Changes, prune: bool) -> Table:
    flows = document["flows"]
    for entry in (*changes.new, *(change.after for change in changes.changed)):
        flows[entry.name] = to_table(entry, flows.get(entry.name, {}))
    for entry in changes.gone if prune else ():
        del flows[entry.name]
    return document


def _find(name: str, entries: dict[str, Entry]) -> Entry:
    if name in entries:
        return entries[name]
    way = (
        "`flowkit list` shows those that are" if entries else "`flowkit register` registers what `flows/` has"
    )
    hints = suggestions(name, entries) or (way,)
    raise UsageError(f"no flow called {quoted(name)} is registered", hints=hints)


def _alike(names: Collection[str]) -> Iterable[str]:
    """A sentence for each set of names that look the same and are not."""
    forms = Counter(unicodedata.normalize("NFC", name) for name in names)
    for shown, count in forms.items():
        if count > 1:
            yield f"{count} flows look alike as {quoted(shown)}: their names differ in Unicode form only"


def _parsed(path: Path, data: bytes) -> Table:
    """The TOML document in `data`, or an error that points into it."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise _refusal(path, "starts with a byte order mark, which TOML does not have", place=(1, 1))
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise _refusal(path, "is not UTF-8 text", place=_place(data, error.start)) from error
    except RecursionError as error:
        raise _refusal(path, "is nested too deeply") from error
    except ValueError as error:  # also a number of thousands of digits
        raise _misparsed(path, str(error), data) from error


def _misparsed(path: Path, why: str, data: bytes) -> RegistryError:
    conflict = _CONFLICT.search(data)
    if conflict:
        return _refusal(path, "holds an unfinished merge", place=_place(data, conflict.start()))
    found = _PLACE.search(why)
    place = (int(found[1]), int(found[2])) if found else _place(data, len(data))
    reason = _PLACE.sub("", why).removesuffix(" (at end of document)")
    return _refusal(path, f"is not valid TOML: {reason}", place=place)


def _place(data: bytes, offset: int) -> tuple[int, int]:
    before = data[:offset].decode(errors="replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _checked(path: Path, document: Table) -> Table:
    schema = document.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        why = "has no `schema`: it is empty, cut off, or not a registry"
        raise _refusal(path, why if schema is None else "has a `schema` that is not a whole number from 1")
    if schema > SCHEMA:
        raise RegistryError(
            f"`{path}` was written by a newer flowkit: schema {schema}, where this one knows {SCHEMA}",
            hints=("upgrade flowkit: `pip install -U flowkit-runner`",),
        )
    flows = document.setdefault("flows", {})
    if not isinstance(flows, dict):
        raise _refusal(path, "has `flows` that is not a table")
    return document


def _entries(path: Path, document: Table) -> dict[str, Entry]:
    flows: Table = document["flows"]
    wrong = [
        f"{quoted(name)} {problem}" for name, table in sorted(flows.items()) for problem in problems(table)
    ]
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise _refusal(path, f"has wrong entries: {'; '.join(wrong[:5])}{more}")
    return {name: from_table(name, table) for name, table in sorted(flows.items())}


def _refusal(path: Path, why: str, place: tuple[int, int] | None = None) -> RegistryError:
    where = f"{path}:{place[0]}:{place[1]}" if place else f"{path}"
    return RegistryError(
        f"the registry `{where}` {why}",
        hints=("mend it, or move it away and run `flowkit register`: versions then start at 1",),
    )
