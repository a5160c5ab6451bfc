"""The parameters of a flow from a look at the syntax of its file, without executing it.

It is a guess for completion: what a file makes as it runs is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from flowkit.parsing import syntax_tree
from flowkit.project import whole_file
from flowkit.project.discovery import LARGEST, name_of
from flowkit.project.entry import ParameterText
from flowkit.project.names import same


def parameters_in(path: Path, flow: str | None) -> list[ParameterText]:
    """The parameters that a flow seems to have; none where the file cannot be read.

    Args:
        flow: its name; None where the file has one flow.
    """
    try:
        tree = syntax_tree(whole_file.read(path, LARGEST))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _is(name_of(node), flow):
            return list(_of_function(node))
        if isinstance(node, ast.With) and any(_is(name_of(each.context_expr), flow) for each in node.items):
            return list(_of_block(node))
    return []


def _is(name: str | None, wanted: str | None) -> bool:
    return name is not None and (wanted is None or same(name, wanted))


def _of_function(node: ast.FunctionDef) -> Iterator[ParameterText]:
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults, *given.kw_defaults]
    for argument, default in zip([*positional, *given.kwonlyargs], defaults, strict=True):
        kind = ast.unparse(argument.annotation) if argument.annotation else "Any"
        yield _parameter(argument.arg, kind, default)


def _of_block(node: ast.With) -> Iterator[ParameterText]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and ast.unparse(each.func).rpartition(".")[2].endswith("Parameter"):
            given = dict(zip(("name", "default"), each.args, strict=False))
            given |= {str(keyword.arg): keyword.value for keyword in each.keywords}
            name, kind = given.get("name"), given.get("annotation")
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                text = "secret" if "secret" in given else ast.unparse(kind) if kind else "Any"
                yield _parameter(name.value, text, given.get("default"))


def _parameter(name: str, kind: str, default: ast.expr | None) -> ParameterText:
    return ParameterText(
        name=name,
        type=kind,
        default=ast.unparse(default) if default is not None else None,
        secret="secret" in kind.lower(),
    )
