"""Constants in Python source: given other values, or added at the end, with everything else left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import libcst as cst

from emotune.cli.literals import literal
from emotune.errors import InputError

__all__ = ["with_constants"]

_ADDED = "# Added with the winner of a search: the file had no such constant."


def with_constants(content: bytes, values: Mapping[str, Any], *, name: str) -> bytes:
    """The source with these constants' values; those that it does not assign are added at its end.

    Args:
        content: the bytes of a Python file, in any encoding that it declares, with any line ends.
        values: constant -> plain value.
        name: the file's name, for messages.

    Raises:
        InputError: if a constant is assigned more than once, in a block or together with another name, if a
            value is not plain, or if the source cannot be kept byte for byte.
    """
    module = cst.parse_module(content)
    if module.bytes != content:
        raise InputError(
            f"Expected line ends in {name} that can be kept. Received: carriage returns alone. "
            "Save the file again with the line ends of your system."
        )
    seen = _Assignments()
    module.visit(seen)
    new: dict[int, cst.BaseExpression] = {}
    missing: list[str] = []
    for constant, value in values.items():
        found = seen.anywhere.get(constant, 0)
        if found == 0:
            missing.append(constant)
        elif found > 1 or constant not in seen.plain:
            raise InputError(
                f"Expected one line `{constant} = …` at the top level of {name}. Received: "
                f"{'several' if found > 1 else 'one in a block, or together with another name'}. "
                "Keep one plain line, then apply again."
            )
        else:
            old = seen.plain[constant]
            new[id(old)] = literal(value, old, encoding=module.encoding)
    edited = cst.ensure_type(module.visit(_Replacement(new)), cst.Module)
    return _with_lines(edited, {constant: values[constant] for constant in missing}).bytes


def _with_lines(module: cst.Module, values: Mapping[str, Any]) -> cst.Module:
    if not values:
        return module
    lines = [
        cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(constant))], literal(value, encoding=module.encoding))]
        )
        for constant, value in values.items()
    ]
    # LibCST keeps the comments at the end of the file apart; they stay above what is added.
    above = [*module.footer, cst.EmptyLine(indent=False), cst.EmptyLine(comment=cst.Comment(_ADDED))]
    lines[0] = lines[0].with_changes(leading_lines=above)
    return module.with_changes(body=[*module.body, *lines], footer=[], has_trailing_newline=True)


class _Assignments(cst.CSTVisitor):
    """Which names the module assigns: `anywhere` counts them, `plain` holds the values of top-level lines."""

    def __init__(self) -> None:
        super().__init__()
        self.anywhere: dict[str, int] = {}
        self.plain: dict[str, cst.BaseExpression] = {}

    def visit_Module(self, node: cst.Module) -> None:
        for line in node.body:
            for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                match statement:
                    case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                        self.plain[name] = value
                    case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression() as value):
                        self.plain[name] = value
                    case _:
                        pass

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._count(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._count(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._count(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._count(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._count(node.target)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False  # names in there are its own

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def _count(self, target: cst.CSTNode) -> None:
        match target:
            case cst.Name(value=name):
                self.anywhere[name] = self.anywhere.get(name, 0) + 1
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                for element in elements:
                    self._count(element.value)
            case _:
                pass


class _Replacement(cst.CSTTransformer):
    """Puts a new expression in the place of an old one, found by identity."""

    def __init__(self, new: Mapping[int, cst.BaseExpression]) -> None:
        super().__init__()
        self._new = new

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        return self._new.get(id(original_node), updated_node)
