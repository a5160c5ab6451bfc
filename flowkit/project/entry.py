"""What is known of a flow without importing it: the descriptor of its file, and its registry entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

VARIES = "varies"
HIDDEN = "•••"
Table = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ParameterText:
    """A parameter as people write it.

    Args:
        type: `int`, `Path`, `Literal['a', 'b']`.
        default: its text, `•••` for that of a secret; None for a required parameter.
        secret: whether its values are for no one to see.
    """

    name: str
    type: str
    default: str | None = None
    secret: bool = False

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One flow of one file.

    Args:
        ref: `flows/etl.py:etl`, the file relative to the project's root and the attribute.
        fingerprint: of the file's text as it was executed.
        description: the first paragraph of the docstring, on one line.
        schedule: its text, None where there is none.
        tasks: how many, or `varies` where the graph is made from data.
    """

    name: str
    ref: str
    fingerprint: str
    description: str = ""
    parameters: tuple[ParameterText, ...] = ()
    schedule: str | None = None
    tags: tuple[str, ...] = ()
    tasks: int | str = 0

    @property
    def file(self) -> str:
        return self.ref.rpartition(":")[0]

    @property
    def attribute(self) -> str:
        return self.ref.rpartition(":")[2]


@dataclass(frozen=True, kw_only=True)
class Entry(Descriptor):
    """A registered flow.

    Args:
        version: counts the fingerprints that this flow has had; a moved file keeps it.
        registered: when this entry last changed, `2026-01-31T09:00:00Z`.
    """

    version: int
    registered: str

    @classmethod
    def of(cls, found: Descriptor, before: Entry | None, registered: str) -> Entry:
        """What the registry should hold for `found`; `before` itself where nothing changed."""
        if before is None:
            return cls(**_values(found), version=1, registered=registered)
        if _values(found) == _values(before):
            return before
        version = before.version + (found.fingerprint != before.fingerprint)
        return cls(**_values(found), version=version, registered=registered)


def to_json(descriptor: Descriptor) -> Table:
    """A document for `from_json`."""
    return asdict(descriptor)


def from_json(document: Table) -> Descriptor:
    """The descriptor that `asdict` made a document of."""
    parameters = tuple(ParameterText(**each) for each in document["parameters"])
    return Descriptor(**{**document, "parameters": parameters, "tags": tuple(document["tags"])})


def to_table(entry: Entry, old: Table) -> Table:
    """The TOML table of an entry, keys in a stable order; what `old` has beyond ours is kept."""
    parameters = _parameter_tables(entry, old.get("parameters", []))
    known: Table = {
        "ref": entry.ref,
        "version": entry.version,
        "fingerprint": entry.fingerprint,
        "description": entry.description,
        "schedule": entry.schedule,
        "tags": list(entry.tags),
        "tasks": entry.tasks,
        "parameters": parameters,
    }
    unknown = {key: value for key, value in old.items() if key not in _SHAPE}
    present = {key: value for key, value in known.items() if value is not None}
    return present | unknown | {"registered": entry.registered}


def from_table(name: str, table: Table) -> Entry:
    """The entry that a table describes; `problems` must have found none."""
    parameters = tuple(_parameter(each) for each in table["parameters"])
    known = {key: value for key, value in table.items() if key in _SHAPE}
    return Entry(**{**known, "name": name, "parameters": parameters, "tags": tuple(table["tags"])})


def _parameter(table: Table) -> ParameterText:
    secret = table.get("secret", False)
    default = table.get("default")
    if secret:
        default = None if table.get("required", False) else HIDDEN
    return ParameterText(name=table["name"], type=table["type"], default=default, secret=secret)


def problems(table: object) -> Iterator[str]:
    """What keeps a table from being an entry, as ends of the sentence "`flows.etl` …"."""
    if not isinstance(table, dict):
        yield "must be a table"
        return
    yield from _misshapen(table, _SHAPE)
    parameters = table.get("parameters")
    for each in parameters if isinstance(parameters, list) else ():
        if not isinstance(each, dict):
            yield "has a parameter that is not a table"
        else:
            yield from (f"{problem} in a parameter" for problem in _misshapen(each, _PARAMETER_SHAPE))


@dataclass(frozen=True)
class _Rule:
    fits: Callable[[Any], bool]
    wanted: str
    optional: bool = False


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_SHAPE: Mapping[str, _Rule] = {
    "ref": _Rule(lambda value: _is_text(value) and ":" in value, "text such as `flows/etl.py:etl`"),
    "version": _Rule(lambda value: _is_count(value) and value >= 1, "a whole number of at least 1"),
    "fingerprint": _Rule(_is_text, "text"),
    "description": _Rule(_is_text, "text"),
    "schedule": _Rule(_is_text, "text", optional=True),
    "tags": _Rule(_is_texts, "a list of text"),
    "tasks": _Rule(lambda value: _is_count(value) or value == VARIES, f"a whole number or `{VARIES}`"),
    "parameters": _Rule(lambda value: isinstance(value, list), "a list of tables"),
    "registered": _Rule(_is_text, "text"),
}
_PARAMETER_SHAPE: Mapping[str, _Rule] = {
    "name": _Rule(_is_text, "text"),
    "type": _Rule(_is_text, "text"),
    "default": _Rule(_is_text, "text", optional=True),
    "required": _Rule(_is_bool, "true or false", optional=True),
    "secret": _Rule(_is_bool, "true or false", optional=True),
}


def _misshapen(table: Table, shape: Mapping[str, _Rule]) -> Iterator[str]:
    for key, rule in shape.items():
        if key not in table:
            if not rule.optional:
                yield f"has no `{key}`"
        elif not rule.fits(table[key]):
            yield f"has `{key}` that is not {rule.wanted}"


def _parameter_tables(entry: Entry, old: list[Table]) -> list[Table]:
    before = {each["name"]: each for each in old}
    return [_parameter_table(each, before.get(each.name, {})) for each in entry.parameters]


def _parameter_table(parameter: ParameterText, old: Table) -> Table:
    value: Table = {"required": True} if parameter.required else {"default": parameter.default}
    if parameter.secret:
        value = {"required": True, "secret": True} if parameter.required else {"secret": True}
    unknown = {key: kept for key, kept in old.items() if key not in _PARAMETER_SHAPE}
    return {"name": parameter.name, "type": parameter.type} | value | unknown


def _values(descriptor: Descriptor) -> Table:
    """The fields that a file decides, without those that the registry adds."""
    return {field.name: getattr(descriptor, field.name) for field in fields(Descriptor)}
