"""`[limits]` in the settings: how many tasks of a tag run at once, each by a name of the user's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SECTION = "limits"
_WANTED = 'a whole number above 0, or `{ slots = 4, across = "machine" }`'
_ACROSS = ("run", "machine")


@dataclass(frozen=True)
class Limit:
    """How many at once, among the tasks of one run or of all that this user has on the machine."""

    slots: int
    across: Literal["run", "machine"] = "run"

    @property
    def plain(self) -> int | Mapping[str, int | str]:
        """As it is written in a settings file."""
        return self.slots if self.across == "run" else {"slots": self.slots, "across": self.across}


@dataclass(frozen=True)
class LimitSetting:
    """One of them; see `Setting`."""

    key: str

    def check(self, value: Any) -> Limit:
        """The limit, as it comes from a file or from Python.

        Raises:
            ValueError: saying what is wanted.
        """
        if isinstance(value, Limit):
            return value
        table = value if isinstance(value, dict) else {"slots": value}
        slots, across = table.get("slots"), table.get("across", "run")
        if type(slots) is not int or slots < 1 or across not in _ACROSS or table.keys() - {"slots", "across"}:
            raise ValueError(_WANTED)
        return Limit(slots, across)

    def parse(self, text: str) -> Limit:
        """The limit that a text from the environment means.

        Raises:
            ValueError: saying what is wanted.
        """
        try:
            return self.check(tomllib.loads(f"limit = {text}")["limit"])
        except ValueError:
            raise ValueError(_WANTED) from None


def limit_setting(key: str) -> LimitSetting | None:
    """The setting of `limits.db`; None for what is no limit."""
    section, _, name = key.partition(".")
    return LimitSetting(key) if section == SECTION and name else None
