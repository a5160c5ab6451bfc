"""The tasks that flows are written with, under their homes in Prefect classic."""
