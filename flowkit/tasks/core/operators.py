"""What operators of placeholders stand for, under its home in Prefect classic."""

from flowkit.flow.operators import GetAttr, GetItem

__all__ = ["GetAttr", "GetItem"]
