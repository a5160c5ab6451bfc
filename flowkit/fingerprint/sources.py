"""A module as it stands in its file: its statements, and which of them a name needs.

Guarantees: nothing is executed. A statement that may do more than give a value to a name is known as one: a
decorator may register, a call may change what another statement made.
"""

from __future__ import annotations
import __future__

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import CodeType

from flowkit.fingerprint.uses import Import
from flowkit.parsing import syntax_tree

_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LITERAL = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.operator, ast.unaryop, ast.Load)
_CALLS = (ast.Call, ast.Await, ast.Yield, ast.NamedExpr)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a module, compiled for itself."""

    kind: str
    name: str
    line: int
    code: CodeType


@dataclass(slots=True)
class Source:
    """The statements of a module, by the names that they bind."""

    statements: list[Statement] = field(default_factory=list)
    binding: dict[str, list[int]] = field(default_factory=dict)
    effects: list[int] = field(default_factory=list)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    literals: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Whether the module gives a value to this name itself."""
        return name in self.binding or name in self.imports


def parse(text: str) -> Source:
    """The statements of a module.

    Raises:
        SyntaxError: it has none.
    """
    tree = syntax_tree(text)
    flags = _future(tree)
    found = Source()
    for statement in tree.body:
        if not _has_no_effect(statement):
            _add(found, statement, flags)
    return found


def _add(found: Source, statement: ast.stmt, flags: int) -> None:
    for name, taken in _imports(statement):
        found.imports.setdefault(name, []).append(taken)
    found.stars.extend(_stars(statement))
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return
    names = list(_bound(statement))
    for name in names:
        found.binding.setdefault(name, []).append(len(found.statements))
    if not names or _may_do_more(statement):
        found.effects.append(len(found.statements))
    found.statements.append(_compiled(statement, names, flags))
    _classify(found, statement, names)


def _classify(found: Source, statement: ast.stmt, names: list[str]) -> None:
    """Note the names whose values nobody changes: literals, and functions that are nothing but that."""
    value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    literal = value is not None and all(isinstance(node, _LITERAL) for node in ast.walk(value))
    plain = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    for name in names:
        once = len(found.binding[name]) == 1 and name not in found.imports
        (set.add if once and literal else set.discard)(found.literals, name)
        (set.add if once and plain else set.discard)(found.plain, name)


def _compiled(statement: ast.stmt, names: list[str], flags: int) -> Statement:
    for node in ast.walk(statement):
        _without_annotations(node)
    code = compile(ast.Module([statement], []), "<statement>", "exec", flags=flags, dont_inherit=True)
    kinds = {ast.ClassDef: "class", ast.FunctionDef: "function", ast.AsyncFunctionDef: "function"}
    kind = kinds.get(type(statement), "constant" if names else "module")
    return Statement(kind, names[0] if names else "", statement.lineno, code)


def _without_annotations(node: ast.AST) -> None:
    """Those of functions; those of classes may make fields."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.returns = None
    elif isinstance(node, ast.arg):
        node.annotation = None


def _future(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def _has_no_effect(statement: ast.stmt) -> bool:
    """A docstring, `pass`, `from __future__ …`, and what runs only in a script or in a type checker."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    if isinstance(statement, ast.If) and not statement.orelse:
        test = ast.unparse(statement.test)
        return test.startswith("__name__ ==") or test.rpartition(".")[2] == "TYPE_CHECKING"
    return isinstance(statement, ast.Pass)


def _may_do_more(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ClassDef):
        inner = [each for each in statement.body if not isinstance(each, _DEFINITION) or _may_do_more(each)]
        return bool(statement.decorator_list or statement.bases or statement.keywords) or _calls(*inner)
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return bool(statement.decorator_list) or _calls(statement.args)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return _calls(statement) or not all(isinstance(target, ast.Name | ast.Tuple) for target in targets)
    return True


def _calls(*nodes: ast.AST) -> bool:
    return any(isinstance(each, _CALLS) for node in nodes for each in ast.walk(node))


def _outside_of_functions(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with the module itself."""
    yield node
    if isinstance(node, (*_DEFINITION, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _outside_of_functions(child)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives a value to."""
    for node in _outside_of_functions(statement):
        if isinstance(node, _DEFINITION):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name


def _import_nodes(statement: ast.stmt) -> Iterable[ast.AST]:
    return (
        node for node in _outside_of_functions(statement) if isinstance(node, ast.Import | ast.ImportFrom)
    )


def _imports(statement: ast.stmt) -> Iterator[tuple[str, Import]]:
    for node in _import_nodes(statement):
        for alias in node.names:  # type: ignore[attr-defined]
            if isinstance(node, ast.ImportFrom):
                yield alias.asname or alias.name, Import(node.module or "", node.level, (alias.name,))
            elif alias.asname:
                yield alias.asname, Import(alias.name, 0, ())
            else:
                yield alias.name.partition(".")[0], Import(alias.name.partition(".")[0], 0, ())


def _stars(statement: ast.stmt) -> Iterator[Import]:
    for node in _import_nodes(statement):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield Import(node.module or "", node.level, ())
