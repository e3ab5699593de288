"""Reads a config; every mistake becomes one line with its place and what would be right."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydantic

from tfgnn_ext.runner.config import RunConfig
from tfgnn_ext.runner.config_lines import config_lines
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.nearest import did_you_mean
from tfgnn_ext.runner.template_parameters import template_names, template_parameters
from tfgnn_ext.runner.yaml_source import KeyPath, YamlSource, parse_yaml, read_yaml


@dataclasses.dataclass(frozen=True)
class LoadedConfig:
    """A config and where it came from.

    Attributes:
      config: What it says.
      source: With the positions of its keys.
      folder: What its paths are relative to.
    """

    config: RunConfig
    source: YamlSource
    folder: Path

    def path(self, name: str) -> Path:
        """A path that the config names."""
        return (self.folder / name).absolute()

    @property
    def title(self) -> str:
        """What the run is called."""
        return self.config.title or Path(self.source.name).stem

    def resolved(self) -> dict[str, Any]:
        """The whole config as plain values, to be read from any folder."""
        config = self.config
        found = {**config.resolved(), "title": self.title}
        if config.data.path is not None:
            found["data"]["path"] = str(self.path(config.data.path))
        if config.data.schema_ is not None:
            found["data"]["schema"] = str(self.path(config.data.schema_))
        if config.data.seeds is not None:
            found["data"]["seeds"]["table"] = str(self.path(config.data.seeds.table))
        for index, part in enumerate([] if config.link is None else config.link.negatives):
            if part.table is not None:
                negatives = found["data"]["seeds"]["link"]["negatives"]
                negatives[index]["table"] = str(self.path(part.table))
        if config.baseline is not None and config.baseline.features is not None:
            file, colon, function = config.baseline.features.partition(":")
            found["baseline"]["features"] = f"{self.path(file)}{colon}{function}"
        return found


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads and checks a config.

    Args:
      path: The YAML file. Paths in it are relative to its folder.
      overrides: ``dotted.key=value`` with a YAML value, each in place of what the file says; items
        of lists by their number, from 0.

    Raises:
      InputError: With one line a mistake.
    """
    source = read_yaml(path)
    for override in overrides:
        source = _override(source, override)
    return LoadedConfig(parse_config(source), source, Path(path).absolute().parent)


def parse_config(source: YamlSource) -> RunConfig:
    """Checks parsed YAML against `RunConfig`.

    Raises:
      InputError: With one line a mistake.
    """
    if not isinstance(source.data, dict):
        raise InputError(
            [f"{source.where(())}: must be a mapping of keys. Got {type(source.data).__name__}."]
        )
    problems: list[str] = []
    config = None
    try:
        config = RunConfig.model_validate_json(_json(source, source.data, ()))
    except pydantic.ValidationError as error:
        problems += config_lines(source, RunConfig, error.errors())
    problems += _template_problems(source)
    if problems or config is None:
        raise InputError(sorted(problems, key=_place))
    return config


def _place(line: str) -> tuple[int, int]:
    match = re.search(r":(\d+):(\d+): ", line)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _json(source: YamlSource, data: Any, path: KeyPath) -> str:
    """As JSON, whose strict reading takes lists for tuples and ints for floats, but no text."""
    try:
        return json.dumps(data)
    except (TypeError, ValueError) as error:
        raise InputError(
            [f"{source.where(path)}: must hold text, numbers, lists and mappings. Got: {error}."]
        ) from None


def _template_problems(source: YamlSource) -> list[str]:
    model = source.data.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("name"), str):
        return []  # Said already.
    name = model["name"]
    if name not in template_names():
        return [
            f"{source.where(('model', 'name'))}: `model.name` must be one of "
            f"{', '.join(template_names())}. Got {name!r}.{did_you_mean(name, template_names())}"
        ]
    given = {key: value for key, value in model.items() if key != "name"}
    try:
        template_parameters(name).model_validate_json(_json(source, given, ("model",)))
    except pydantic.ValidationError as error:
        return config_lines(source, template_parameters(name), error.errors(), ("model",))
    return []


def _override(source: YamlSource, text: str) -> YamlSource:
    key, equals, value = text.partition("=")
    parts = key.split(".")
    if not equals or not all(parts):
        raise InputError([f"--set {text}: must be KEY=VALUE with a dotted key. Got {text!r}."])
    name = f"--set {key}"
    data = parse_yaml(value, name).data
    replaced, path = _replace(source.data, parts, data, name), tuple(_path(source.data, parts))
    kept = {at: place for at, place in source.positions.items() if at[: len(path)] != path}
    return _OverriddenSource(source.name, replaced, kept, (*_overrides(source), (path, name)))


@dataclasses.dataclass(frozen=True)
class _OverriddenSource(YamlSource):
    """Keys that came from the command line are at home there."""

    overrides: tuple[tuple[KeyPath, str], ...] = ()

    def where(self, path: KeyPath) -> str:
        for at, name in self.overrides:
            if path[: len(at)] == at:
                return name
        return super().where(path)


def _overrides(source: YamlSource) -> tuple[tuple[KeyPath, str], ...]:
    return source.overrides if isinstance(source, _OverriddenSource) else ()


def _path(data: Any, parts: Sequence[str]) -> Iterator[str | int]:
    for part in parts:
        if isinstance(data, list):
            yield int(part)
            data = data[int(part)]
        else:
            yield part
            data = data.get(part) if isinstance(data, dict) else None


def _replace(data: Any, parts: Sequence[str], value: Any, name: str) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if isinstance(data, list):
        if not first.isdigit() or int(first) >= len(data):
            raise InputError([f"{name}: {first!r} must be in [0, {len(data)}). Got {first}."])
        copy = list(data)
        copy[int(first)] = _replace(copy[int(first)], rest, value, name)
        return copy
    below = data if isinstance(data, dict) else {}
    return {**below, first: _replace(below.get(first), rest, value, name)}
