"""Replay a scientific workflow that really ran: its graph and its runtimes, from a trace in WfFormat.

The traces of https://wfcommons.org record what workflows of astronomy, genomics or agriculture did on a
cluster. In a replay each task sleeps as long as it once ran, times a scale, so that a run shows how
flowkit deals with a graph of that shape. The graph is made from data: a task for each task of the trace.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, FilePath, ValidationError

from flowkit import flow, task

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Entry(BaseModel):
    """A task as a trace has it: WfFormat 1.5 keeps its place and its runtime apart, 1.4 together."""

    id: str | None = None
    name: str | None = None
    parents: list[str] | None = None
    children: list[str] | None = None
    runtimeInSeconds: Seconds | None = None  # noqa: N815 - WfFormat's name
    runtime: Seconds | None = None

    def relatives(self) -> list[str]:
        """All tasks that this one names."""
        return [*(self.parents or ()), *(self.children or ())]

    def seconds(self) -> float:
        """How long it ran; 0 where that is not recorded."""
        return self.runtimeInSeconds or self.runtime or 0.0


class Section(BaseModel):
    """A part of a trace that lists tasks."""

    tasks: list[Entry] = []


class Workflow(Section):
    """The workflow of a trace: `tasks` up to WfFormat 1.4, the two sections from 1.5 on."""

    specification: Section | None = None
    execution: Section | None = None


class Trace(BaseModel):
    """What a replay needs of a WfFormat file."""

    workflow: Workflow


@dataclass(frozen=True)
class Job:
    """A task to replay: its runtime in seconds, and the ids of those that must finish before it."""

    id: str
    name: str
    seconds: float
    parents: frozenset[str]


@task
def replay(job: str, seconds: float, scale: float) -> dict[str, object]:
    """Sleep `seconds` times `scale`, and say for whom and how long.

    Raises:
        ValueError: the scale is negative or not finite.
    """
    if not 0 <= scale < math.inf:
        raise ValueError(f"`scale` is {scale:g}, but must be 0 or more")
    time.sleep(seconds * scale)
    return {"job": job, "slept": seconds * scale}


@flow(build=["trace"])
def wfcommons(
    trace: Annotated[FilePath, "WfFormat file, such as those of wfcommons.org"],
    scale: Annotated[float, "Seconds to sleep for each second that a task once ran"] = 0.001,
) -> None:
    """Replay the trace of a scientific workflow.

    Each task of the trace becomes a task that waits for the same parents and sleeps for its recorded
    runtime times the scale.
    """
    jobs = read_trace(trace)
    placed = {
        job.id: replay(job.id, job.seconds, scale, task_args={"name": job.name, "slug": job.id})
        for job in jobs
    }
    for job in jobs:
        for parent in sorted(job.parents):
            placed[job.id].set_upstream(placed[parent])


def read_trace(path: Path) -> list[Job]:
    """The tasks of a WfFormat file, in the file's order.

    Raises:
        ValueError: the file is not JSON, not WfFormat, or names tasks twice or not at all.
    """
    try:
        trace = Trace.model_validate(json.loads(path.read_bytes()))
        return jobs_of(trace.workflow)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "all of it"
        raise ValueError(f"`{path}` is not a WfFormat trace: `{place}`: {problem['msg']}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"`{path}` is not JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"`{path}` cannot be replayed: {error}") from None


def jobs_of(workflow: Workflow) -> list[Job]:
    """A job for each task; an edge counts whether the parent, the child, or both of them name it."""
    tasks = workflow.specification.tasks if workflow.specification else identified(workflow.tasks)
    places = by_id(tasks)
    if not places:
        raise ValueError("it has no tasks in `workflow.specification.tasks` or `workflow.tasks`")
    runtimes = {**places, **by_id(workflow.execution.tasks if workflow.execution else ())}
    parents = {id: set(entry.parents or ()) for id, entry in places.items()}
    for id, entry in places.items():
        if strangers := sorted(set(entry.relatives()) - places.keys()):
            raise ValueError(f"its task `{id}` names `{strangers[0]}`, which is not in it")
        for child in entry.children or ():
            parents[child].add(id)
    return [
        Job(id, entry.name or id, runtimes[id].seconds(), frozenset(parents[id]))
        for id, entry in places.items()
    ]


def by_id(tasks: Iterable[Entry]) -> dict[str, Entry]:
    """Tasks by their ids, in the same order; a task without one, or with another's, is refused."""
    found: dict[str, Entry] = {}
    for position, entry in enumerate(tasks, start=1):
        if not entry.id:
            raise ValueError(f"its task number {position} has no id")
        if entry.id in found:
            raise ValueError(f"two of its tasks have the id `{entry.id}`")
        found[entry.id] = entry
    return found


def identified(tasks: list[Entry]) -> list[Entry]:
    """The same tasks with ids that their relatives use: before WfFormat 1.5 these were often names."""
    used = {relative for entry in tasks for relative in entry.relatives()}
    ids, names = ({getattr(entry, key) for entry in tasks} for key in ("id", "name"))
    if None not in ids and (used <= ids or not used <= names):
        return tasks
    return [entry.model_copy(update={"id": entry.name}) for entry in tasks]
