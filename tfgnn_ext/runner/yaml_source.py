"""YAML with positions: every value knows the line and column it came from.

Scalars are read as YAML 1.2's core schema and JSON read them, not as YAML 1.1: ``1e-3`` is a
number, ``yes`` and ``12:30`` and ``2013-01-01`` are text.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import yaml

from tfgnn_ext.runner.input_error import InputError

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """A safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+(?:_[0-9]+)*", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # YAML 1.1 reads 010 as 8.


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


@dataclasses.dataclass(frozen=True)
class YamlSource:
    """A parsed YAML document.

    Attributes:
      name: What errors call it.
      data: Plain dictionaries, lists and scalars.
      positions: The line and column, from 1, of each key and list item by its path.
    """

    name: str
    data: Any
    positions: dict[KeyPath, tuple[int, int]]

    def where(self, path: KeyPath) -> str:
        """``file:line:column`` of a path, or of its nearest parent that the document holds."""
        while path and path not in self.positions:
            path = path[:-1]
        line, column = self.positions.get(path, (1, 1))
        return f"{self.name}:{line}:{column}"


def parse_yaml(text: str, name: str = "config") -> YamlSource:
    r"""Parses one YAML document.

    Args:
      text: The document.
      name: What errors call it.

    Raises:
      InputError: A syntax error, a repeated key, or a key that is not text.

    >>> parse_yaml("a: 1\nb:\n  c: 2e-3\n").where(("b", "c"))
    'config:3:3'
    """
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        positions: dict[KeyPath, tuple[int, int]] = {}
        if root is None:
            return YamlSource(name, {}, positions)
        problems = list(_record(root, (), positions, name, ()))
        if problems:
            raise InputError(problems)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise InputError([f"{name}:{at}: must be YAML. Got: {error.problem}."]) from None
    except yaml.YAMLError as error:
        line = str(error).splitlines()[0]
        raise InputError([f"{name}:1:1: must be YAML. Got: {line}."]) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlSource(name, data, positions)


def read_yaml(path: str | os.PathLike[str]) -> YamlSource:
    """`parse_yaml` of a file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError([f"{path}: must be a text file in UTF-8. Got other bytes."]) from None
    except OSError as error:
        raise InputError([f"{path}: must be a file. Got: {error.strerror}."]) from None
    return parse_yaml(text, os.fspath(path))


def _record(
    node: yaml.Node,
    path: KeyPath,
    positions: dict[KeyPath, tuple[int, int]],
    name: str,
    above: tuple[int, ...],
) -> list[str]:
    """Fills `positions`; returns the problems of keys."""
    mark = node.start_mark
    positions.setdefault(path, (mark.line + 1, mark.column + 1))
    if id(node) in above:
        return [f"{name}:{mark.line + 1}:{mark.column + 1}: must not hold itself. Got an alias."]
    above = (*above, id(node))
    problems: list[str] = []
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if not isinstance(key, yaml.ScalarNode):
                problems.append(f"{name}:{line}:{column}: a key must be text. Got a collection.")
                continue
            below = (*path, key.value)
            if key.value in seen:
                dotted = ".".join(map(str, below))
                problems.append(
                    f"{name}:{line}:{column}: `{dotted}` must be given once. "
                    f"Got it at line {seen[key.value]} too."
                )
            seen[key.value] = line
            positions[below] = (line, column)
            problems += _record(value, below, positions, name, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            problems += _record(value, (*path, index), positions, name, above)
    return problems
