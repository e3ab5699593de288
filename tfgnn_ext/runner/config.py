"""What a run's YAML may say. Config objects stop here: all below takes plain arguments."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from tfgnn_ext.graph.datasets.load import NAMES
from tfgnn_ext.runner.template_parameters import template_names, template_parameters
from tfgnn_ext.runner.yaml_source import ConfigError, YamlSource, parse_yaml, read_yaml
from tfgnn_ext.sampling.plan import SamplingOp, SamplingPlan, Strategy

Metric = Literal[
    "accuracy",
    "macro_f1",
    "micro_f1",
    "roc_auc",
    "average_precision",
    "calibration_error",
    "log_loss",
]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class SeedsConfig(_Model):
    """Which nodes are classified: a table with a row a seed."""

    table: str
    node_set: str
    id: str = "id"
    time: str | None = None
    label: str = "label"
    split: str = "split"


class DataConfig(_Model):
    """A data set by name, or a schema file and a table of seeds."""

    dataset: str | None = None
    schema_: str | None = Field(None, alias="schema")
    seeds: SeedsConfig | None = None

    @pydantic.field_validator("dataset")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in NAMES:
            raise ValueError(f"must be one of {', '.join(NAMES)}{nearest(value, NAMES)}")
        return value

    @pydantic.model_validator(mode="after")
    def _either(self) -> DataConfig:
        if (self.dataset is None) == (self.schema_ is None):
            raise ValueError("must have either `dataset` or `schema`")
        if (self.schema_ is None) != (self.seeds is None):
            raise ValueError("must have `seeds` with `schema`, and only then")
        return self


class TaskConfig(_Model):
    """What is learned."""

    type: Literal["node_classification"] = "node_classification"
    class_weights: Literal["balanced"] | list[float] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    l2: Annotated[float, Field(ge=0)] = 0.0


class OpConfig(_Model):
    """One operation of the sampling plan, see `sampling.SamplingOp`."""

    name: str | None = None
    edge_set: str
    fanout: int | None = None
    strategy: Strategy = "uniform"
    inputs: list[str] = ["seed"]
    by: str | None = None

    @pydantic.model_validator(mode="after")
    def _valid(self) -> OpConfig:
        self.build()
        return self

    def build(self) -> SamplingOp:
        """The operation."""
        return SamplingOp(
            name=self.name or self.edge_set,
            edge_set=self.edge_set,
            fanout=self.fanout,
            strategy=self.strategy,
            inputs=tuple(self.inputs),
            by=self.by,
        )


class SamplingConfig(_Model):
    """The sampling plan."""

    seed: int = 0
    ops: Annotated[list[OpConfig], Field(min_length=1)]

    @pydantic.model_validator(mode="after")
    def _valid(self) -> SamplingConfig:
        self.build("")
        return self

    def build(self, seed_node_set: str) -> SamplingPlan:
        """The plan for seeds of one node set."""
        ops = tuple(op.build() for op in self.ops)
        return SamplingPlan(seed_node_set=seed_node_set, ops=ops, seed=self.seed)


class ModelConfig(_Model):
    """A template by name, with that template's own parameters beside it."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The template's keyword arguments."""
        return template_parameters(self.name)(**(self.model_extra or {})).model_dump()


class OptimizerConfig(_Model):
    """See `training.Optimizer`."""

    name: Literal["adam", "adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Literal["constant", "cosine", "one_cycle"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = None


class TrainingConfig(_Model):
    """How it is trained."""

    batch_size: Annotated[int, Field(ge=1)] = 256
    epochs: Annotated[int, Field(ge=1)] = 10
    optimizer: OptimizerConfig = OptimizerConfig()
    monitor: Metric = "log_loss"
    patience: Annotated[int, Field(ge=1)] | None = None
    validate_every: Annotated[int, Field(ge=1)] | None = None
    checkpoint_every: Annotated[int, Field(ge=1)] | None = 500
    steps_per_execution: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0)] = 0


class BaselineConfig(_Model):
    """Gradient boosting beside the model.

    `features` names a function, ``file.py:function`` relative to the config, from graph and seeds
    to ``[num_seeds, num_features]``; without it, the seeds' own features are used.
    """

    features: str | None = None


class RunConfig(_Model):
    """A whole run."""

    data: DataConfig
    task: TaskConfig = TaskConfig()
    sampling: SamplingConfig
    model: ModelConfig
    training: TrainingConfig = TrainingConfig()
    baseline: BaselineConfig | None = None
    output: str = "runs/run"

    def to_yaml(self) -> str:
        """Everything, defaults included."""
        data = self.model_dump(by_alias=True)
        data["model"] = {"name": self.model.name, **self.model.parameters}
        return yaml.safe_dump(data, sort_keys=False)


def nearest(word: str, choices: Sequence[str]) -> str:
    """A hint at the nearest choice, or nothing.

    >>> nearest("fanuot", ["fanout", "inputs"])
    '; did you mean `fanout`?'
    """
    found = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def load_config(
    path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None
) -> RunConfig:
    """Reads and checks a config.

    Args:
      path: The YAML file. Paths in it are relative to its folder.
      overrides: Values (YAML scalars or lists) by dotted key, which replace the file's.

    Raises:
      ConfigError: One line for each problem, with file, line, key and what would be right.
    """
    source = read_yaml(path)
    for key, text in (overrides or {}).items():
        source = _override(source, key, text)
    return parse_config(source)


def _override(source: YamlSource, key: str, text: str) -> YamlSource:
    value = parse_yaml(text, f"--set {key}").data
    data = dict(source.data) if isinstance(source.data, dict) else {}
    holder = data
    *parents, last = key.split(".")
    for parent in parents:
        below = holder.get(parent)
        holder[parent] = dict(below) if isinstance(below, dict) else {}
        holder = holder[parent]
    holder[last] = value
    return YamlSource(source.name, data, source.lines)


def parse_config(source: YamlSource) -> RunConfig:
    """Checks parsed YAML against `RunConfig`; see `load_config`."""
    if not isinstance(source.data, dict):
        raise ConfigError(
            f"{source.where(())}: must be a mapping with keys {', '.join(RunConfig.model_fields)}. "
            f"Got {type(source.data).__name__}."
        )
    problems: list[str] = []
    config = None
    try:
        config = RunConfig.model_validate(source.data)
    except pydantic.ValidationError as error:
        problems += [_line(source, item) for item in error.errors()]
    problems += _template_problems(source)
    if problems or config is None:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return config


def _template_problems(source: YamlSource) -> list[str]:
    model = source.data.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("name"), str):
        return []
    name = model["name"]
    if name not in template_names():
        hint = nearest(name, template_names())
        return [
            f"{source.where(('model', 'name'))}: `model.name` must be one of "
            f"{', '.join(template_names())}{hint}. Got {name!r}."
        ]
    try:
        template_parameters(name)(**{k: v for k, v in model.items() if k != "name"})
    except pydantic.ValidationError as error:
        fields = list(template_parameters(name).model_fields)
        return [_line(source, item, ("model",), fields) for item in error.errors()]
    return []


def _line(
    source: YamlSource,
    item: Any,
    prefix: tuple[str | int, ...] = (),
    fields: Sequence[str] | None = None,
) -> str:
    # Pydantic adds the branches of unions to the path: they stand in no file.
    path = prefix + tuple(
        part for part in item["loc"] if isinstance(part, int) or not _is_branch(part)
    )
    key = ".".join(str(part) for part in path) or "config"
    where = source.where(path)
    if item["type"] == "extra_forbidden":
        known = list(fields) if fields is not None else _fields_at(path[:-1])
        hint = nearest(str(path[-1]), known)
        return f"{where}: `{key}` must be one of {', '.join(known)}{hint}."
    if item["type"] == "missing":
        return f"{where}: `{key}` must be given. Got nothing."
    message = str(item["msg"])
    if item["type"] == "value_error":
        message = message.removeprefix("Value error, ")
        if message.endswith("."):  # A complete sentence of a constructor's own.
            return f"{where}: `{key}`: {message}"
        got = "" if isinstance(item["input"], dict) else f" Got {item['input']!r}."
        return f"{where}: `{key}` {message}.{got}"
    for begin in ("Input should be ", "List should have "):
        if message.startswith(begin):
            message = ("must be " if begin.startswith("Input") else "must have ") + message[
                len(begin) :
            ]
    return f"{where}: `{key}` {message}. Got {item['input']!r}."


def _is_branch(part: str) -> bool:
    return "[" in part or part in {"float", "int", "str", "constrained-float", "constrained-int"}


def _fields_at(path: tuple[str | int, ...]) -> list[str]:
    model: type[pydantic.BaseModel] = RunConfig
    for part in path:
        if isinstance(part, int):
            continue
        found = {(field.alias or name): field for name, field in model.model_fields.items()}
        inner = _model_in(found[str(part)].annotation) if str(part) in found else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    if isinstance(annotation, types.GenericAlias | types.UnionType) or typing.get_args(annotation):
        for argument in typing.get_args(annotation):
            found = _model_in(argument)
            if found is not None:
                return found
    return None


def resolve(config_path: str | os.PathLike[str], name: str) -> Path:
    """A path named in a config: relative to the config's folder."""
    return Path(config_path).parent / name
