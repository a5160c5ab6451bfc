"""When a flow is due: schedules, and their clocks, filters and adjustments."""

from flowkit.schedule.schedule import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule
from flowkit.schedules import adjustments, clocks, filters

__all__ = [
    "CronSchedule",
    "IntervalSchedule",
    "RRuleSchedule",
    "Schedule",
    "adjustments",
    "clocks",
    "filters",
]
