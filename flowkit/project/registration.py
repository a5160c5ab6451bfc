"""`register`: flow files in, registry out; and `flow.register()` in a script."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowkit.errors import LoadError, UsageError
from flowkit.flow.flow import Flow
from flowkit.project import whole_file
from flowkit.project.descriptor import describe_flow
from flowkit.project.discovery import flow_files, scan
from flowkit.project.entry import Descriptor
from flowkit.project.home import home_of
from flowkit.project.inspection import TIMEOUT, Inspected, describe_all
from flowkit.project.loader import LARGEST, fingerprint
from flowkit.project.names import quoted
from flowkit.project.registry import Changes, Registry
from flowkit.project.root import FLOWS_FOLDER, Project, find_or_start

# The flows of which this process has called `register()`, also while flowkit loads their file, by name; and
# the globals of the module that did.
REGISTERED: dict[str, tuple[Flow, Mapping[str, Any]]] = {}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What `register` did.

    Args:
        errors: the files that could not be loaded, and the names that two files claim; the flows
            concerned stay in the registry as they were.
        notices: what is worth a line each.
    """

    changes: Changes
    errors: tuple[LoadError, ...] = ()
    notices: tuple[str, ...] = ()


def register(
    project: Project,
    paths: Iterable[Path] = (),
    *,
    folder: str = FLOWS_FOLDER,
    timeout: float = TIMEOUT,
    check: bool = False,
    prune: bool = False,
) -> Registration:
    """Make the registry say what the flow files define; each is loaded in a child process.

    Args:
        paths: files and folders; default: the project's folder of flows.
        timeout: seconds that each file may take.
        check, prune: as for `Registry.update`.

    Raises:
        UsageError: a path that does not exist, or has no flow file.
        RegistryError: nothing has changed then.
    """
    registry = Registry(project)
    registry.read()  # a registry that cannot be used is said before anything is loaded
    inspected = describe_all(flow_files(project, paths, folder), timeout, project)
    claims, clashes = _claims(inspected, registry, project)
    torn = {each.file for name in clashes for each in claims[name]}
    seen = {project.display(each.path) for each in inspected if each.error is None} - torn
    found = [descriptor for name, [descriptor, *_] in claims.items() if name not in clashes]
    changes = registry.update(found, seen=seen, check=check, prune=prune)
    return Registration(
        changes=changes,
        errors=(*(each.error for each in inspected if each.error), *clashes.values()),
        notices=(*(notice for each in inspected for notice in each.notices), *changes.notices),
    )


def register_flow(flow: Flow, namespace: Mapping[str, Any]) -> Changes:
    """Register a flow from the script that defines it: `flow.register()`.

    Args:
        namespace: the globals of the module that calls.

    Raises:
        UsageError: the flow has no file, as in a notebook, or no name at the top level of it.
        DefinitionError: the flow cannot be built.
        LoadError: another file has a flow of this name.
        RegistryError: nothing has changed then.
    """
    home = home_of(flow, namespace)
    if home is None:
        raise _homeless(flow, namespace.get("__file__"))
    path, attribute = home
    project = find_or_start(path.parent)
    text = fingerprint(whole_file.read(path, LARGEST), path)
    descriptor = describe_flow(flow, f"{project.display(path)}:{attribute}", text, project)
    registry = Registry(project)
    other = registry.read().get(flow.name)
    if other and other.file != descriptor.file and _still_has(other, project):
        raise _clash(flow.name, [other, descriptor])
    return registry.update([descriptor])


def _homeless(flow: Flow, file: str | None) -> UsageError:
    if not file or not Path(file).is_file():
        return UsageError(
            f"the flow {quoted(flow.name)} cannot be registered: it is not defined in a file",
            hints=("put it in `flows/NAME.py`; `flow.run()` needs no registration",),
        )
    return UsageError(
        f"the flow {quoted(flow.name)} cannot be registered: no variable at the top level has it",
        hints=('write `with Flow("name") as flow:` at the top level of the file',),
    )


def _claims(
    inspected: Sequence[Inspected], registry: Registry, project: Project
) -> tuple[dict[str, list[Descriptor]], dict[str, LoadError]]:
    """Who defines each name, and the names that more than one file defines.

    A registered flow in a file that was not looked at now counts too, where it is still in there.
    """
    claims: defaultdict[str, list[Descriptor]] = defaultdict(list)
    for each in inspected:
        for descriptor in each.descriptors:
            claims[descriptor.name].append(descriptor)
    looked_at = {project.display(each.path) for each in inspected}
    for entry in registry.read().values():
        if entry.name in claims and entry.file not in looked_at and _still_has(entry, project):
            claims[entry.name].append(entry)
    clashes = {name: _clash(name, claimed) for name, claimed in claims.items() if len(claimed) > 1}
    return claims, clashes


def _still_has(entry: Descriptor, project: Project) -> bool:
    return any(mention.name == entry.name for mention in scan(project.root / entry.file))


def _clash(name: str, claimed: Sequence[Descriptor]) -> LoadError:
    refs = " and ".join(f"`{each.ref}`" for each in claimed)
    return LoadError(
        f"two flows are called {quoted(name)}: {refs}",
        hints=("give one of them another name",),
    )
