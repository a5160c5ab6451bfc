"""Collections of results, under their home in Prefect classic."""

from flowkit.flow.structure import Dict, List, Set, Tuple

__all__ = ["Dict", "List", "Set", "Tuple"]
