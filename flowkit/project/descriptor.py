"""The descriptor of a loaded flow: what the registry keeps, as text that is the same everywhere."""

from __future__ import annotations

from flowkit.flow.flow import Flow
from flowkit.flow.parameter import Parameter
from flowkit.project.entry import HIDDEN, VARIES, Descriptor, ParameterText
from flowkit.project.loader import LoadedModule, guarded
from flowkit.project.root import Project
from flowkit.project.text import type_text, value_text


def descriptors(loaded: LoadedModule, project: Project) -> list[Descriptor]:
    """The descriptors of a file's flows; the graph of each is built and checked.

    Raises:
        LoadError: a flow cannot be built, with file and line.
    """
    with guarded(loaded.path, project):
        file, text = project.display(loaded.path), loaded.fingerprint
        return [
            describe_flow(flow, f"{file}:{loaded.attributes[name]}", text, project)
            for name, flow in loaded.flows.items()
        ]


def describe_flow(flow: Flow, ref: str, fingerprint: str, project: Project) -> Descriptor:
    """The descriptor of one flow.

    Raises:
        DefinitionError: it cannot be built, or has a cycle.
    """
    root = str(project.root)
    if not flow.build_parameters:
        flow.build().validate()
    return Descriptor(
        name=flow.name,
        ref=ref,
        fingerprint=fingerprint,
        description=_first_paragraph(flow.description),
        parameters=tuple(_parameter(each, root) for each in flow.parameters()),
        schedule=None if flow.schedule is None else value_text(flow.schedule, root),
        tags=tuple(sorted(_encodable(str(tag)) for tag in flow.tags)),
        tasks=VARIES if flow.build_parameters else _visible(flow),
    )


def _visible(flow: Flow) -> int:
    """The tasks that pictures show: not the parameters, nor what only carries values about."""
    return sum(not (task.is_carrier or isinstance(task, Parameter)) for task in flow.tasks)


def _first_paragraph(text: str) -> str:
    return _encodable(" ".join(text.strip().partition("\n\n")[0].split()))


def _encodable(text: str) -> str:
    """`text` without lone surrogates, which no file can hold."""
    return text.encode(errors="replace").decode()


def _parameter(parameter: Parameter, root: str) -> ParameterText:
    default = parameter.default
    text = HIDDEN if parameter.secret else value_text(default, root)
    return ParameterText(
        name=parameter.name,
        type=_type(parameter, default),
        default=None if parameter.required else text,
        secret=parameter.secret,
    )


def _type(parameter: Parameter, default: object) -> str:
    """From the annotation, else from the default; `Any` where neither says something."""
    if parameter.annotation is not None:
        return type_text(parameter.annotation)
    return "Any" if default is None else type(default).__name__
