"""Python literals as LibCST nodes: made from plain values, in the layout of what stood there."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any, TypeVar

import libcst as cst

from emotune.errors import InputError

__all__ = ["literal"]

_Literal = TypeVar("_Literal", cst.List, cst.Dict)
_Item = cst.BaseElement | cst.BaseDictElement
_Space = cst.BaseParenthesizableWhitespace
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def literal(value: object, old: cst.BaseExpression | None = None, *, encoding: str = "utf-8") -> cst.BaseExpression:
    """A literal for `value`; where `old` is a list or dict, its lines and comments stay with their items.

    Only plain values of exactly Python's own types are taken, so that nothing but a literal can come of them.

    Args:
        value: bool, finite int or float, str, or a list or a dict (with text keys) of such.
        old: the expression that it takes the place of.
        encoding: of the file, which must be able to hold the characters.

    Raises:
        InputError: if the value is of another type, or not finite.
    """
    if old is not None and _stands_for(old, value):
        return old
    if type(value) is list:
        listed = old if isinstance(old, cst.List) else cst.List([])
        return _with_items(
            listed,
            [
                (cst.Element(literal(entry, _value(item), encoding=encoding)), item)
                for entry, item in zip(value, [*listed.elements, *[None] * len(value)], strict=False)
            ],
        )
    if type(value) is dict:
        named = _items_by_key(old) if isinstance(old, cst.Dict) else {}
        items = [(key, entry, named.get(key)) for key, entry in value.items()]
        return _with_items(
            old if isinstance(old, cst.Dict) else cst.Dict([]),
            [
                (
                    (item or cst.DictElement(_text(key, encoding), cst.Name("_"))).with_changes(
                        value=literal(entry, _value(item), encoding=encoding)
                    ),
                    item,
                )
                for key, entry, item in items
            ],
        )
    if type(value) is str:
        return _text(value, encoding)
    if type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
        return cst.parse_expression(repr(value))
    raise InputError(
        "A constant must be text, a finite number, a boolean, or a list or dict of those. "
        f"Received: {value!r} ({type(value).__name__}). Mend it where it comes from."
    )


def _text(value: object, encoding: str) -> cst.BaseExpression:
    if type(value) is not str:
        raise InputError(f"A hyperparameter's name must be text. Received: {value!r}. Mend it where it comes from.")
    try:
        value.encode(encoding)
        written = repr(value)
    except UnicodeEncodeError:
        written = ascii(value)
    # Python writes single quotes, the project double ones: the same text between either unless it holds one.
    if written[0] == "'" and "'" not in written[1:-1] and '"' not in written:
        written = f'"{written[1:-1]}"'
    return cst.parse_expression(written)


def _stands_for(old: cst.BaseExpression, value: object) -> bool:
    """Whether the expression already says so in the user's own notation, such as 1e-3 for 0.001."""
    try:
        # repr, because 1 == 1.0 == True.
        return repr(ast.literal_eval(cst.Module([]).code_for_node(old))) == repr(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _value(item: _Item | None) -> cst.BaseExpression | None:
    return None if item is None else item.value


def _items_by_key(old: cst.Dict) -> dict[str, cst.DictElement]:
    found = {}
    for element in old.elements:
        if isinstance(element, cst.DictElement) and isinstance(element.key, cst.SimpleString):
            found[str(element.key.evaluated_value)] = element
    return found


def _with_items(old: _Literal, items: Sequence[tuple[_Item, _Item | None]]) -> _Literal:
    """`old` with other items, each beside the old item whose place it takes; a comment stays behind its item.

    LibCST keeps what stands behind an item at its comma, and behind the last item at the closing bracket.
    """
    names = ("lbracket", "rbracket") if isinstance(old, cst.List) else ("lbrace", "rbrace")
    opening: _Space = getattr(old, names[0]).whitespace_after
    closing: _Space = getattr(old, names[1]).whitespace_before
    last_old = old.elements[-1] if old.elements else None
    if not items:
        return type(old)([])
    if last_old is None:
        return old.with_changes(elements=[item for item, _ in items])
    gaps: dict[int, _Space] = {id(item): _comma(item).whitespace_after for item in old.elements[:-1]}
    gaps[id(last_old)] = closing
    between = next((_bare(gap) for gap in (opening, *gaps.values()) if _is_lines(gap)), cst.SimpleWhitespace(" "))
    placed = []
    for item, source in items[:-1]:
        gap = between if source is None else gaps[id(source)]
        if source is last_old:
            gap = _ending_like(gap, between) if _is_lines(gap) and _is_lines(between) else between
        comma = _COMMA if source is None else _comma(source)
        placed.append(item.with_changes(comma=comma.with_changes(whitespace_after=gap)))
    item, source = items[-1]
    if source is not last_old:
        gap = between if source is None else gaps[id(source)]
        closing = _ending_like(gap, closing) if _has_comment(gap) else _bare(closing)
    placed.append(item.with_changes(comma=last_old.comma))
    bracket = getattr(old, names[1]).with_changes(whitespace_before=closing)
    return old.with_changes(elements=placed, **{names[1]: bracket})


def _comma(item: _Item) -> cst.Comma:
    return item.comma if isinstance(item.comma, cst.Comma) else _COMMA


def _is_lines(gap: _Space) -> bool:
    return isinstance(gap, cst.ParenthesizedWhitespace)


def _has_comment(gap: _Space) -> bool:
    return isinstance(gap, cst.ParenthesizedWhitespace) and bool(
        gap.first_line.comment or any(line.comment for line in gap.empty_lines)
    )


def _bare(gap: _Space) -> _Space:
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return gap
    return gap.with_changes(first_line=cst.TrailingWhitespace(newline=gap.first_line.newline), empty_lines=[])


def _ending_like(gap: _Space, other: _Space) -> _Space:
    """`gap` with its comment, followed by the indentation that `other` ends with."""
    if not isinstance(other, cst.ParenthesizedWhitespace):
        return gap
    change: dict[str, Any] = {"indent": other.indent, "last_line": other.last_line}
    return gap.with_changes(**change)
