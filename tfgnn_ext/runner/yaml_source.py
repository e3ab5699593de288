"""YAML with positions: every value knows the line it came from."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import yaml

Path_ = tuple[str | int, ...]


class ConfigError(ValueError):
    """A config that cannot be used; the message holds one line a problem."""


@dataclasses.dataclass(frozen=True)
class YamlSource:
    """A parsed YAML file.

    Attributes:
      name: What errors call it.
      data: Plain dictionaries, lists and scalars.
      lines: The line, from 1, of each key or list item by its path.
    """

    name: str
    data: Any
    lines: dict[Path_, int]

    def where(self, path: Path_) -> str:
        """``file:line`` of a path, or of its nearest parent that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def parse_yaml(text: str, name: str = "config") -> YamlSource:
    r"""Parses one YAML document.

    Raises:
      ConfigError: A syntax error or a repeated key, with its line.

    >>> parse_yaml("a: 1\nb:\n  c: 2\n").where(("b", "c"))
    'config:3'
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        lines: dict[Path_, int] = {}
        if root is None:
            return YamlSource(name, {}, lines)
        _record(root, (), lines, name)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{name}:{line}: must be YAML. Got: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}:1: must be YAML. Got: {error}.") from None
    finally:
        loader.dispose()
    return YamlSource(name, data, lines)


def read_yaml(path: str | os.PathLike[str]) -> YamlSource:
    """`parse_yaml` of a file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise ConfigError(f"{file}: must be a config file. Got no such file.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: must be UTF-8 text. Got other bytes.") from None
    return parse_yaml(text, str(file))


def _record(node: yaml.Node, path: Path_, lines: dict[Path_, int], name: str) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            line = key.start_mark.line + 1
            if below in lines:
                raise ConfigError(
                    f"{name}:{line}: `{'.'.join(map(str, below))}` must stand once. "
                    f"Got it again after line {lines[below]}."
                )
            lines[below] = line
            _record(value, below, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _record(value, (*path, index), lines, name)
