"""What makes code and values the same: for cache keys, for resume, and to say what changed."""

from flowkit.fingerprint.compare import Change, changes
from flowkit.fingerprint.encoding import UndigestibleError
from flowkit.fingerprint.nodes import Part, packages, unfollowed
from flowkit.fingerprint.tracer import Code, Tracer, code_of
from flowkit.fingerprint.values import combine, digest

__all__ = [
    "Change",
    "Code",
    "Part",
    "Tracer",
    "UndigestibleError",
    "changes",
    "code_of",
    "combine",
    "digest",
    "packages",
    "unfollowed",
]
