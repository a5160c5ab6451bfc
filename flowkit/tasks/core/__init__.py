"""The tasks that flows are written with, under their homes in Prefect classic."""

from flowkit import homes

__getattr__ = homes.below(__name__)
