"""Parameters: what a run of a flow can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowkit.errors import CallError
from flowkit.flow import ambient
from flowkit.flow.names import check_name
from flowkit.flow.secret import holds_secret
from flowkit.flow.task import Task

if TYPE_CHECKING:
    from flowkit.flow.flow import Flow


class _NoDefault:
    """The absence of a default, as `None` is one."""

    def __repr__(self) -> str:
        return "<no default>"


NO_DEFAULT = _NoDefault()


class Parameter(Task):
    """A value that is given when the flow runs; in the graph it is a task without upstreams.

    Args:
        name: the name, unique in a flow.
        default: the value where none is given; None where there is none.
        required: whether one must be given; default: where there is no default.
        annotation: its type; values are checked against it before anything runs.
        help: a line for the command's help.
        tags: as on a task.
        secret: whether its values are for no one to see: not given on the command line, not shown, not kept.
            One whose annotation says so, by `SecretStr` or `Annotated[str, secret]`, always is.
    """

    __slots__ = ("annotation", "default", "help", "required", "secret")

    reads_text = False  # whether `read` takes what was typed as it stands

    def __init__(
        self,
        name: str,
        default: Any = NO_DEFAULT,
        required: bool | None = None,
        tags: Any = None,
        *,
        annotation: Any = None,
        help: str = "",
        secret: bool = False,
    ) -> None:
        super().__init__(name=check_name(name, "parameter"), slug=name, tags=tags)
        self.default = None if default is NO_DEFAULT else default
        self.required = (default is NO_DEFAULT) if required is None else required
        self.annotation = annotation
        self.help = help
        self.secret = secret or holds_secret(annotation)

    def __repr__(self) -> str:
        return f"<Parameter: {self.name}>"

    def __call__(self, *args: Any, flow: Flow | None = None, **options: Any) -> Parameter:
        """Add this parameter to the flow, and return it.

        Raises:
            CallError: it was given arguments, which a parameter does not take.
        """
        if args or options:
            raise CallError(
                f"the parameter `{self.name}` cannot be called with arguments",
                hints=("its value is given when the flow runs",),
            )
        ambient.flow_for(self.name, flow).add_task(self)
        return self

    def copy(self, name: str, **task_args: Any) -> Parameter:  # type: ignore[override]
        """The same parameter under another name."""
        new = super().copy(**task_args)
        new.name = new.slug = check_name(name, "parameter")
        return new

    def read(self, value: Any) -> Any:
        """What a value that is given, or the default, stands for; itself, but for kinds that say otherwise.

        Raises:
            ValueError: why it is none, as the end of a sentence that begins with the name.
        """
        return value

    def run(self) -> Any:
        """The default; a run gives the value without calling this."""
        return self.default
