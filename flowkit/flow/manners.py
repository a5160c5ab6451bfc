"""How strict flowkit is with what a script asks of it."""

classic = False
"""Whether a script of Prefect classic runs, whose `if task:` was always true."""
