"""`flowkit.config`: the settings as an object, which a script may also assign to.

Files and the environment are read at the first use, from the project around the working directory. What only
Prefect classic knew can be read and assigned too, and has no effect; see classic_settings.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowkit.errors import UsageError
from flowkit.flow import manners
from flowkit.project import classic_settings
from flowkit.project.limit import SECTION, limit_setting
from flowkit.project.names import nearest
from flowkit.project.root import Project, find
from flowkit.project.settings import KEYS, Resolved, Settings, resolve, setting_of, value_of


class Config:
    """All settings; `config.logging.level = "DEBUG"` wins over files and environment, not over flags.

    Raises:
        AttributeError: an unknown name, with the nearest.
        UsageError: a wrong value, or wrong settings files when they are first read.
    """

    _assigned: dict[str, Any]
    _read: Resolved | None
    _classic: dict[str, Any]

    def __init__(self) -> None:
        object.__setattr__(self, "_assigned", {})
        object.__setattr__(self, "_read", None)
        object.__setattr__(self, "_classic", {})

    def resolve(self, project: Project | None, flags: Mapping[str, Any] | None = None) -> Resolved:
        """The settings of `project`, with what Python set, and the flags of a command above all."""
        return resolve(project, assigned=self._assigned, flags=flags)

    def __getattr__(self, name: str) -> Any:
        return _read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _assign(self, name, value)

    def assign(self, key: str, value: Any) -> None:
        """Set `logging.level`, say, also where nobody knows that name."""
        if setting_of(key) is None:
            _keys(self)
            self._classic[key] = value
            _spread(self)
        else:
            _assign(self, key, value)

    def reread(self) -> None:
        """Read files and the environment again, where a script of classic has more of them; what the script
        has set stays, unless they say otherwise."""
        object.__setattr__(self, "_read", None)
        before, anew = classic_settings.DEFAULTS, classic_settings.values()
        self._classic.update(
            {
                key: value
                for key, value in anew.items()
                if key not in self._classic or value != before.get(key)
            }
        )
        _spread(self)

    def spread(self) -> None:
        """Tell those who follow settings that they changed."""
        _spread(self)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, or `default` where there is none of that name."""
        return getattr(self, name, default)

    def __contains__(self, name: object) -> bool:
        return name in dir(self)

    def to_dict(self) -> dict[str, Any]:
        """All settings, nested."""
        return {name: _plain(getattr(self, name)) for name in dir(self) if name not in _METHODS}

    def __dir__(self) -> list[str]:
        return sorted({*_METHODS, SECTION, *(key.partition(".")[0] for key in _keys(self))})

    def __repr__(self) -> str:
        return f"<flowkit.config: {', '.join(f'{key} set' for key in self._assigned) or 'nothing set'}>"


class Section:
    """The settings under one name: `flowkit.config.logging`."""

    _config: Config
    _name: str

    def __init__(self, config: Config, name: str) -> None:
        object.__setattr__(self, "_config", config)
        object.__setattr__(self, "_name", name)

    def __getattr__(self, name: str) -> Any:
        return _read(self._config, f"{self._name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        _assign(self._config, f"{self._name}.{name}", value)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, or `default` where there is none of that name."""
        return getattr(self, name, default)

    def __contains__(self, name: object) -> bool:
        return name in dir(self)

    def to_dict(self) -> dict[str, Any]:
        """All settings of this section, nested."""
        return {name: _plain(getattr(self, name)) for name in dir(self)}

    def __dir__(self) -> list[str]:
        below = f"{self._name}."
        if self._name == SECTION:
            assigned = (key.removeprefix(below) for key in self._config._assigned if key.startswith(below))
            return sorted({*_settings(self._config).limits, *assigned})
        found = (key.removeprefix(below) for key in _keys(self._config) if key.startswith(below))
        return sorted({name.partition(".")[0] for name in found})

    def __repr__(self) -> str:
        return f"<flowkit.config.{self._name}: {', '.join(dir(self))}>"


def _keys(config: Config) -> set[str]:
    if not config._classic:
        config._classic.update(classic_settings.values())
        _spread(config)
    return {*KEYS, *config._classic}


def _spread(config: Config) -> None:
    """Tell tasks what classic's settings say that they take where they say nothing themselves."""
    prefix = "tasks.defaults."
    found = {
        key.removeprefix(prefix): value for key, value in config._classic.items() if key.startswith(prefix)
    }
    says_something = found.get("max_retries") or found.get("timeout")
    manners.defaults = {name: value for name, value in found.items() if value is not None and says_something}


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Section) else value


def _read(config: Config, key: str) -> Any:
    keys = _keys(config)
    if key == SECTION or any(known.startswith(f"{key}.") for known in keys):
        return Section(config, key)
    if key in config._assigned:
        return config._assigned[key]
    if limit_setting(key) and (limit := value_of(_settings(config), key)) is not None:
        return limit
    if key not in keys:
        raise _unknown(key)
    return value_of(_settings(config), key) if key in KEYS else config._classic[key]


def _settings(config: Config) -> Settings:
    """What files and the environment say, read at the first use."""
    if config._read is None:
        object.__setattr__(config, "_read", resolve(find(Path.cwd())))
        assert config._read is not None
    return config._read.settings


def _assign(config: Config, key: str, value: Any) -> None:
    setting = setting_of(key)
    if setting is None:
        if key not in _keys(config) and not manners.classic:
            raise _unknown(key)
        config._classic[key] = value
        _spread(config)
        return
    try:
        config._assigned[key] = setting.check(value)
    except ValueError as error:
        raise UsageError(f"`flowkit.config.{key}` must be {error}, not `{value!r}`") from None


def _unknown(key: str) -> AttributeError:
    near = nearest(key, KEYS)
    return AttributeError(
        f"flowkit has no setting `{key}`" + (f"; did you mean `{near[0]}`?" if near else "")
    )


_METHODS = frozenset({"assign", "get", "reread", "resolve", "spread", "to_dict"})
config = Config()
