"""What a task raises to end in a state of its choice."""

from flowkit.engine.signals import FAIL, RETRY, SKIP, SUCCESS, TRIGGERFAIL, Signal

__all__ = ["FAIL", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL", "Signal"]
