"""What stands for a result where there is none, so that `None` can be one."""

from __future__ import annotations


class NoResultType:
    """The class of `NoResult`, of which there is one; `.result` of a state shows it as None."""

    _the_one: NoResultType | None = None

    def __new__(cls) -> NoResultType:
        if cls._the_one is None:
            cls._the_one = super().__new__(cls)
        return cls._the_one

    @property
    def value(self) -> None:
        """Always None."""
        return None

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<NoResultType: None>"

    def __reduce__(self) -> str:
        return "NoResult"


NoResult = NoResultType()
