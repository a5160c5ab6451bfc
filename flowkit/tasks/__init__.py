"""Ready-made tasks, under their homes in Prefect classic."""

from flowkit import homes

__getattr__ = homes.below(__name__)
