"""Where times of a schedule are moved to, under their home in Prefect classic."""

from flowkit.schedule.adjustments import add, next_weekday

__all__ = ["add", "next_weekday"]
