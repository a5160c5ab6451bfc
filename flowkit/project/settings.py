"""Settings: typed, frozen, and each knows where its value comes from.

Later sources win: defaults, the user's file, the project's file, the environment, what Python set,
flags. All problems of all sources are reported at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from flowkit.errors import UsageError
from flowkit.flow.secret import CLASSIC_PREFIX, PREFIX
from flowkit.project import classic_settings, whole_file
from flowkit.project.limit import SECTION, Limit, LimitSetting, limit_setting
from flowkit.project.names import nearest, quoted
from flowkit.project.root import PYPROJECT, SETTINGS_FILE, Project
from flowkit.project.setting import Setting, declared, flat

DEFAULT = "default"
SET_IN_PYTHON = "set in Python"
ENVIRONMENT = "FLOWKIT_"
_NOT_SETTINGS = frozenset({"FLOWKIT_HOME"})
_SECRETS = (PREFIX, CLASSIC_PREFIX)  # variables that have no business here
_LARGEST = 1_000_000
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
_POSITIVE = {"positive": True}
LANES = ("threads", "processes", "inline", "coroutines", "dask", "ray")
ADDRESSED = ("dask", "ray")  # those of them that a colon and an address may follow
CHOICES = (*LANES, *(f"{lane}:ADDRESS" for lane in ADDRESSED))


@dataclass(frozen=True, kw_only=True)
class Logging:
    """What is logged."""

    level: Level = "INFO"


@dataclass(frozen=True, kw_only=True)
class Register:
    """`flowkit register`; `timeout` in seconds, for each file."""

    timeout: float = field(default=30.0, metadata=_POSITIVE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """`flowkit run`; `timeout` in seconds, None for no limit."""

    timeout: float | None = field(default=None, metadata=_POSITIVE)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """What is kept of the past.

    Args:
        runs: of each flow, the latest so many keep their results and logs.
        max_bytes: that results, logs and the history itself take; the oldest runs lose theirs first.
        days: after which a run is forgotten.
    """

    runs: int = field(default=50, metadata=_POSITIVE)
    max_bytes: int = field(default=5 << 30, metadata=_POSITIVE)
    days: float = field(default=365.0, metadata=_POSITIVE)


@dataclass(frozen=True, kw_only=True)
class Results:
    """What is kept of a task's value: nothing where `persist` is off, or it takes more bytes than that."""

    max_bytes: int = field(default=256 << 20, metadata=_POSITIVE)
    persist: bool = True


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The results that are found again: at most so many bytes, and none that was not used for `days`."""

    max_bytes: int = field(default=5 << 30, metadata=_POSITIVE)
    days: float | None = field(default=None, metadata=_POSITIVE)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, with their defaults.

    Args:
        workers: how many tasks run at once in each lane; None for as many as its executor chooses.
        flows: the folder of flow files, relative to the project's root.
        history: whether runs are remembered.
        durability: what is committed at once: several tasks together, or each before anything follows it.
        switch_interval: seconds between two Python threads during a run.
        backend: set by scripts written for Prefect classic; only `local` exists.
        limits: how many tasks that have a tag, or name the limit, run at once.
    """

    executor: str = field(default="threads", metadata={"choices": CHOICES})
    workers: int | None = field(default=None, metadata=_POSITIVE)
    output: Literal["live", "prefix", "group", "failed", "none"] = "live"
    flows: str = "flows"
    history: bool = True
    durability: Literal["batch", "task"] = "batch"
    switch_interval: float = field(default=0.0005, metadata=_POSITIVE)
    backend: Literal["local"] = "local"
    logging: Logging = field(default_factory=Logging)
    register: Register = field(default_factory=Register)
    run: Run = field(default_factory=Run)
    results: Results = field(default_factory=Results)
    cache: Cache = field(default_factory=Cache)
    retention: Retention = field(default_factory=Retention)
    limits: Mapping[str, Limit] = field(default_factory=dict, metadata={"named": True})


# The dataclass of each section, by its name: a field of `Settings` whose default is made by it.
_SECTIONS: Mapping[str, Any] = {
    each.name: each.default_factory for each in fields(Settings) if each.default_factory is not MISSING
}
KEYS: Mapping[str, Setting] = {setting.key: setting for setting in declared(Settings)}


@dataclass(frozen=True)
class Resolved:
    """The settings that hold, and why.

    Args:
        origins: where each value comes from, by key; those not listed are defaults.
        warnings: what was ignored.
    """

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def rows(self) -> Iterator[tuple[str, object, str]]:
        """Key, value and origin of every setting."""
        for key in KEYS:
            yield key, value_of(self.settings, key), self.origins.get(key, DEFAULT)
        for name, limit in self.settings.limits.items():
            yield f"{SECTION}.{name}", limit.plain, self.origins[f"{SECTION}.{name}"]


def resolve(
    project: Project | None,
    *,
    environ: Mapping[str, str] = os.environ,
    assigned: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Resolved:
    """Read all sources.

    Args:
        assigned: values that Python set, by key.
        flags: values of the command line, by key; None means not given.

    Raises:
        UsageError: every unknown key and every wrong value, with file and line.
    """
    gathered = _Gathered()
    for file in _files(project, environ, gathered):
        file.add_to(gathered)
    gathered.add_environment(environ)
    for key, value in (assigned or {}).items():
        gathered.add(key, value, SET_IN_PYTHON, f"`flowkit.config.{key}`")
    for key, value in (flags or {}).items():
        if value is not None:
            option = f"--{key.replace('.', '-').replace('_', '-')}"
            gathered.add(key, value, option, f"`{option}`")
    return gathered.resolved()


def setting_of(key: str) -> Setting | LimitSetting | None:
    """The setting of a key, which is declared or that of a limit; None where there is none."""
    return KEYS.get(key) or limit_setting(key)


def value_of(settings: Settings, key: str) -> object:
    """The value of `logging.level`; None for a limit that nobody has set."""
    if limit_setting(key):
        return settings.limits.get(key.partition(".")[2])
    value: object = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def user_file(environ: Mapping[str, str]) -> Path | None:
    """The settings of this user for all projects; None without a home."""
    folder = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        try:
            folder = Path.home() / ".config"
        except RuntimeError:
            return None
    return folder / "flowkit" / "config.toml"


def user_folder(environ: Mapping[str, str]) -> Path | None:
    """Where this user's own things of flowkit lie; None without a home."""
    file = user_file(environ)
    return file.parent if file is not None else None


@dataclass
class _Gathered:
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, key: str, value: Any, origin: str, place: str, *, is_text: bool = False) -> None:
        """Let this value win from now on, or note what is wrong with it."""
        setting = setting_of(key)
        if setting is None:
            self.problems.append(f"{place}: there is no setting {quoted(key)}{_or_nearest(key)}")
            return
        try:
            self.values[key] = setting.parse(value) if is_text else setting.check(value)
        except ValueError as error:
            self.problems.append(f"{place}: `{key}` must be {error}, not {quoted(repr(value))}")
        self.origins[key] = origin

    def add_environment(self, environ: Mapping[str, str]) -> None:
        for key, value in classic_settings.given(environ).items():
            if key in KEYS:
                self.add(key, value, "the settings of Prefect classic", f"`{key}`")
        for variable in sorted(environ.keys() - _NOT_SETTINGS):
            if variable.startswith(ENVIRONMENT) and not variable.startswith(_SECRETS):
                key = variable.removeprefix(ENVIRONMENT).lower().replace("__", ".")
                if setting_of(key):
                    self.add(key, environ[variable], variable, f"`{variable}`", is_text=True)
                elif not variable.startswith(classic_settings.VARIABLE):
                    self.warnings.append(f"`{variable}` is ignored: no such setting{_or_nearest(key)}")

    def resolved(self) -> Resolved:
        if self.problems:
            first, *others = self.problems
            more = f" (and {len(others)} more)" if others else ""
            raise UsageError(f"{first}{more}", hints=tuple(others))
        return Resolved(_built(self.values), self.origins, tuple(self.warnings))


def _or_nearest(key: str) -> str:
    """The setting of the nearest name in its table, else in any, else that of the nearest whole key."""
    table, _, name = key.rpartition(".")
    names = [(each.rpartition("."), each) for each in KEYS]
    beside = {last: each for (before, _, last), each in names if before == table}
    anywhere = {last: each for (_, _, last), each in names}
    found = [known[each] for known in (beside, anywhere) for each in nearest(name, known)]
    near = found or nearest(key, KEYS)
    return f"; did you mean `{near[0]}`?" if near else ""


def _built(values: Mapping[str, Any]) -> Settings:
    """The settings that differ from the defaults by these values."""
    sections: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    top: dict[str, Any] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        (sections[section] if name else top)[name or key] = value
    return Settings(**top, **{name: _SECTIONS[name](**given) for name, given in sections.items()})


@dataclass(frozen=True)
class _File:
    """A settings file: its text, and the table in it that is ours."""

    path: Path
    text: str
    table: Mapping[str, Any]
    inside: str = ""

    def add_to(self, gathered: _Gathered) -> None:
        for key, value in flat(self.table, whole=SECTION):
            line = _line_of(self.text, f"{self.inside}{key}")
            place = f"{self.path}:{line}" if line else f"{self.path}"
            gathered.add(key, value, place, f"`{place}`")


def _files(project: Project | None, environ: Mapping[str, str], gathered: _Gathered) -> Iterator[_File]:
    """The files that exist, the one that wins last."""
    users = user_file(environ)
    if users:
        yield from _parsed(users, "", gathered)
    if project is None:
        return
    inside = list(_parsed(project.root / PYPROJECT, "tool.flowkit.", gathered))
    own = list(_parsed(project.root / SETTINGS_FILE, "", gathered))
    if own and inside:
        gathered.warnings.append(f"`[tool.flowkit]` in `{PYPROJECT}` is ignored: `{SETTINGS_FILE}` is there")
    yield from own or inside


def _parsed(path: Path, inside: str, gathered: _Gathered) -> Iterator[_File]:
    try:
        text = whole_file.read(path, _LARGEST).decode()
        table: Any = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        gathered.problems.append(f"`{path}` cannot be read: {error.strerror}")
        return
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        gathered.problems.append(f"`{path}` is not valid TOML: {error}")
        return
    for part in inside.split(".")[:-1]:
        table = table.get(part, {}) if isinstance(table, dict) else {}
    if isinstance(table, dict) and (table or not inside):
        yield _File(path, text, table, inside)


def _line_of(text: str, key: str) -> int | None:
    """The line that sets `key`, where it is written plainly; None where it is not."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([\w. -]+?)\s*\]", line)
        if header:
            table = f"{header[1].replace(' ', '')}."
        name = re.match(r"\s*([\w.-]+)\s*=", line)
        if name and f"{table}{name[1]}" == key:
            return number
    return None
