"""The parameters of a model template, read from its source: importing it would load TensorFlow."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic

_TYPES = {"int": int, "float": float, "str": str, "bool": bool, "tuple": tuple, "Literal": Literal}


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("tfgnn_ext.models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def template_names() -> tuple[str, ...]:
    """The templates: what `tfgnn_ext.models` exports that is named like its file.

    Each is a function of a spec.
    """
    for statement in ast.parse((_folder() / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            names = ast.literal_eval(statement.value)
            return tuple(name for name in names if (_folder() / f"{name}.py").is_file())
    raise AssertionError("`tfgnn_ext.models` has no `__all__`")


def _definition(module: str, name: str) -> Any:
    """The source of a function or class of `tfgnn_ext.models`."""
    path = _folder() / f"{module}.py"
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if getattr(statement, "name", None) == name:
            return statement
    raise AssertionError(f"{path} has no {name}")


@functools.cache
def _shared_options() -> dict[str, tuple[str, Any, str]]:
    """What a template takes as ``**options``: type, default and text of each."""
    shared = _definition("message_passing", "MessagePassing")
    texts = _argument_texts(ast.get_docstring(shared) or "", "Attributes")
    return {
        field.target.id: (
            ast.unparse(field.annotation),
            ast.literal_eval(field.value),
            texts[field.target.id],
        )
        for field in shared.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and field.value is not None
    }


@functools.cache
def template_parameters(name: str) -> type[pydantic.BaseModel]:
    """A pydantic model of a template's keyword arguments, with their types and defaults.

    Args:
      name: One of `template_names`.

    Raises:
      ValueError: No such template.

    >>> template_parameters("seed_attention")(units=32).units
    32
    """
    if name not in template_names():
        raise ValueError(
            f"`name` of `model` must be one of {', '.join(template_names())}. Got {name!r}."
        )
    function = _definition(name, name)
    texts = _argument_texts(ast.get_docstring(function) or "", "Args")
    found: dict[str, tuple[str, Any, str]] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        assert argument.annotation is not None, f"`{argument.arg}` of `{name}` has no type"
        found[argument.arg] = (
            ast.unparse(argument.annotation),
            ... if default is None else ast.literal_eval(default),
            texts.get(argument.arg, ""),
        )
    if function.args.kwarg is not None:
        found |= {key: value for key, value in _shared_options().items() if key not in found}
    fields: dict[str, Any] = {
        key: (
            eval(kind, {"__builtins__": {}}, dict(_TYPES)),
            pydantic.Field(default, description=text),
        )
        for key, (kind, default, text) in found.items()
    }
    config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)
    return pydantic.create_model(name, __config__=config, **fields)


def _argument_texts(docstring: str, section: str) -> dict[str, str]:
    r"""What a docstring in Google's form says of each entry of a section.

    >>> _argument_texts("Makes it.\n\nArgs:\n  units: The\n    width.\n  seed: Of it.\n", "Args")
    {'units': 'The width.', 'seed': 'Of it.'}
    """
    part = re.search(rf"^{section}:\n((?: +.*\n?|\n)*)", docstring, re.MULTILINE)
    texts: dict[str, str] = {}
    name = ""
    for line in part[1].splitlines() if part else ():
        start = re.match(r"  (\w+): (.*)", line)
        if start:
            name, texts[start[1]] = start[1], start[2]
        elif name and line.startswith("    "):
            texts[name] += f" {line.strip()}"
    return texts


def load_template(name: str) -> Callable[..., Any]:
    """The template itself; loads TensorFlow."""
    template: Callable[..., Any] = getattr(
        importlib.import_module(f"tfgnn_ext.models.{name}"), name
    )
    return template
