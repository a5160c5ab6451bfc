"""Schedules, under their home in Prefect classic."""

from flowkit.schedule.schedule import CronSchedule, IntervalSchedule, RRuleSchedule, Schedule

__all__ = ["CronSchedule", "IntervalSchedule", "RRuleSchedule", "Schedule"]
