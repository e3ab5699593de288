"""Pydantic's errors in this package's grammar, one line a key."""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence
from typing import Any

import pydantic

from tfgnn_ext.runner.nearest import did_you_mean
from tfgnn_ext.runner.yaml_source import KeyPath, YamlSource

_NUMBERS = {"greater_than_equal": ">=", "greater_than": ">", "less_than": "<"}
_TYPES = {
    "int_type": "an int",
    "int_from_float": "an int",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
}
_BOUND = {"ge": "greater_than_equal", "gt": "greater_than", "lt": "less_than"}


def config_lines(
    source: YamlSource,
    model: type[pydantic.BaseModel],
    errors: Sequence[Any],
    prefix: KeyPath = (),
) -> list[str]:
    """One line for each key with errors, in the order of the document.

    Args:
      source: For positions and values.
      model: What was validated.
      errors: `pydantic.ValidationError.errors()`.
      prefix: The path in `source` of what was validated.
    """
    found: dict[KeyPath, list[Any]] = {}
    for error in errors:
        path = prefix + _real_path(source.data, prefix, error["loc"])
        if error["type"] == "value_error":
            path = blamed(source.data, path, str(error["ctx"]["error"]))
        found.setdefault(path, []).append(error)
    order = {path: number for number, path in enumerate(source.positions)}
    return [
        _line(source, model, path, found[path], prefix)
        for path in sorted(found, key=lambda path: (order.get(path, len(order)), str(path)))
    ]


def _real_path(data: Any, prefix: KeyPath, location: Sequence[str | int]) -> KeyPath:
    """Without what pydantic adds for the branches of unions, which stands in no document."""
    for part in prefix:
        data = data[part]
    path: list[str | int] = []
    for index, part in enumerate(location):
        holder, last = data, index == len(location) - 1
        if isinstance(part, int) and isinstance(holder, list):
            path.append(part)
            data = holder[part] if part < len(holder) else None
        elif isinstance(part, str) and isinstance(holder, dict):
            path.append(part)
            data = holder.get(part)
        elif last and isinstance(part, str) and isinstance(holder, dict):
            path.append(part)
    return tuple(path)


_COMPLAINT = re.compile(r"`(\w+)` of `\w+`(?: '([^']*)')? ")


def blamed(data: Any, path: KeyPath, message: str) -> KeyPath:
    """The key that a constructor's complaint is about: "`key` of `Class` 'name' must ..."."""
    for part in path:
        data = data[part]
    match = _COMPLAINT.match(message)
    if not match or not isinstance(data, dict):
        return path
    if match[2] is not None and isinstance(data.get("ops"), list):
        for index, op in enumerate(data["ops"]):
            if isinstance(op, dict) and op.get("name", op.get("edge_set")) == match[2]:
                path, data = (*path, "ops", index), op
                break
    return (*path, match[1]) if match[1] in data else path


def complaint(source: YamlSource, path: KeyPath, message: str) -> str:
    """A constructor's complaint with the key's place in the config in front."""
    key = ".".join(str(part) for part in path) or "config"
    match = _COMPLAINT.match(message)
    if match and path and path[-1] == match[1]:
        return f"{source.where(path)}: `{key}` {message[match.end() :]}"
    return f"{source.where(path)}: `{key}`: {message}"


def _line(
    source: YamlSource,
    model: type[pydantic.BaseModel],
    path: KeyPath,
    errors: Sequence[Any],
    prefix: KeyPath,
) -> str:
    where = source.where(path)
    key = ".".join(str(part) for part in path) or "config"
    first = errors[0]
    if first["type"] == "extra_forbidden":
        known = keys_at(model, path[len(prefix) : -1])
        return (
            f"{where}: `{key}` must be one of {', '.join(known)}. "
            f"Got {path[-1]!r}.{did_you_mean(path[-1], known)}"
        )
    if first["type"] == "missing":
        return f"{where}: `{key}` must be given. Got nothing."
    value = _shown(first["input"])
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        if message.endswith((".", "?")):  # A whole sentence, of a constructor of ours.
            return complaint(source, path, message)
        return f"{where}: `{key}` {message}. Got {value}."
    needs = list(dict.fromkeys(_need(error) for error in errors))
    hint = ""
    for error in errors:
        if error["type"] == "literal_error":
            hint = did_you_mean(error["input"], re.findall(r"'(\w+)'", error["ctx"]["expected"]))
    return f"{where}: `{key}` must be {' or '.join(needs)}. Got {value}.{hint}"


def _need(error: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in _NUMBERS:
        (bound,) = (value for name, value in context.items() if name in _BOUND)
        return f"{_NUMBERS[kind]} {bound}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    if kind == "too_short":
        return f"a list of at least {context['min_length']}"
    return str(error["msg"]).removeprefix("Input should be ")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"keys {', '.join(map(str, value))}" if value else "no keys"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def keys_at(model: type[pydantic.BaseModel], path: KeyPath) -> list[str]:
    """The keys that a config may hold at a path."""
    for part in path:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(fields[part].annotation) if part in fields else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
