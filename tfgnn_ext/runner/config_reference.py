"""The reference of all config keys, made from the models: ``docs/config.md``."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

import pydantic
from pydantic_core import PydanticUndefined

from tfgnn_ext.runner.config import RunConfig
from tfgnn_ext.runner.template_parameters import template_names, template_parameters

_HEAD = """# Config

A run is one YAML file. Paths in it are relative to its folder. Scalars are those of YAML 1.2:
`1e-3` is a number, `yes` is text. Unknown keys, keys given twice and values of another type are
refused, all at once, each with line and column. `--set training.epochs=3` replaces a value from the
command line.
"""


def config_reference() -> str:
    """All keys as Markdown."""
    lines = [_HEAD]
    for title, model in _sections(RunConfig, ""):
        lines += [f"## {title}" if title else "## The file", "", f"{_text(model)}", ""]
        lines += list(_table(model))
        if title == "model":
            lines.append("")
            for name in template_names():
                lines += [f"### model: {name}", "", *_table(template_parameters(name)), ""]
            lines.pop()
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _text(model: type[pydantic.BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _sections(
    model: type[pydantic.BaseModel], path: str
) -> Iterator[tuple[str, type[pydantic.BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        for inner, is_item in _models(field.annotation, False):
            key = (field.alias or name) + ("[]" if is_item else "")
            yield from _sections(inner, f"{path}.{key}" if path else key)


def _models(annotation: Any, is_item: bool) -> Iterator[tuple[type[pydantic.BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation, is_item
    origin = typing.get_origin(annotation)
    for argument in typing.get_args(annotation):
        yield from _models(argument, is_item or origin is list)


def _table(model: type[pydantic.BaseModel]) -> Iterator[str]:
    yield "| key | type | default | |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        kind = _kind(field.annotation, field.metadata)
        inner = next(_models(field.annotation, False), None)
        default = "see below" if inner and not field.is_required() else _default(field)
        text = (field.description or "").replace("|", "\\|") or (
            _text(inner[0]).split(". ")[0] if inner else ""
        )
        yield f"| `{field.alias or name}` | {kind} | {default} | {text} |"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


def _kind(annotation: Any, metadata: Any = ()) -> str:
    bounds = [
        f"{sign} {getattr(item, name):g}"
        for item in metadata
        for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if getattr(item, name, None) is not None
    ]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(arguments[0], [*annotation.__metadata__, *metadata])
    if origin is Literal:
        return ", ".join(str(value).replace("|", "\\|") for value in arguments)
    if origin in (typing.Union, types.UnionType):
        parts = [_kind(argument) for argument in arguments if argument is not type(None)]
        return " or ".join([*(f"{part}{_and(bounds)}" for part in parts)])
    if origin in (list, tuple):
        return f"list of {_kind(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return "mapping"
    names = {int: "int", float: "number", str: "text", bool: "true or false"}
    return f"{names[annotation]}{_and(bounds)}"


def _and(bounds: list[str]) -> str:
    bounds = [bound for bound in bounds if bound != "< 2.14748e+09"]
    return f" {' and '.join(bounds)}" if bounds else ""


if __name__ == "__main__":
    print(config_reference(), end="")
