"""What the times of a schedule come from, under their home in Prefect classic."""

from flowkit.schedule.clock import Clock
from flowkit.schedule.cron import CronClock
from flowkit.schedule.dates import DatesClock
from flowkit.schedule.event import ClockEvent
from flowkit.schedule.interval import IntervalClock
from flowkit.schedule.rrule import RRuleClock

__all__ = ["Clock", "ClockEvent", "CronClock", "DatesClock", "IntervalClock", "RRuleClock"]
