"""What a run's YAML may say. Config objects stop here: all below takes plain arguments."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args

import pydantic
from pydantic import Field

from tfgnn_ext.graph import datasets
from tfgnn_ext.graph.labels import Target
from tfgnn_ext.runner.template_parameters import template_parameters
from tfgnn_ext.sampling.link import Link
from tfgnn_ext.sampling.negatives import Negatives, NegativeStrategy
from tfgnn_ext.sampling.plan import SamplingOp, SamplingPlan, Strategy
from tfgnn_ext.training.score_names import RANKS, SCORES

NodeTasks = Literal["node_classification", "node_multi_label_classification", "node_regression"]
GraphTasks = Literal["graph_classification", "graph_multi_label_classification", "graph_regression"]
LinkTasks = Literal[
    "link_prediction",
    "edge_classification",
    "edge_multi_label_classification",
    "edge_regression",
]
PairScore = Literal["dot", "hadamard", "concat"]
RegressionLoss = Literal["squared", "absolute", "huber"]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Split = Literal["train", "validation", "test"]


class _Section(pydantic.BaseModel):
    # Strict: text is no number and a number no text, so that a slip is not read as something else.
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class NegativesConfig(_Section):
    """Pairs without a link, drawn for every pair with one. See `sampling.Negatives`."""

    num: int = Field(1, description="How many are drawn for a pair with a link.")
    strategy: NegativeStrategy = Field("uniform", description="How second nodes are chosen.")
    reject: list[str] | None = Field(
        None, description="Edge sets whose edges make a pair no negative; default: `edge_set`."
    )
    time: str | None = Field(
        None, description="A time of the second nodes that must not be later than the pair's."
    )
    name: str = Field("negatives", description="Enters the key; of several, each has its own.")
    table: str | None = Field(
        None, description="With strategy `table`: hard negatives, a row a pair."
    )
    source: str = Field("source", description="In that table, the column of the first node's id.")
    target: str = Field("target", description="And of the second node's.")

    @pydantic.model_validator(mode="after")
    def _is_valid(self) -> NegativesConfig:
        self.build()
        if (self.table is not None) != (self.strategy == "table"):
            raise ValueError("must have `table` if its `strategy` is table, and only then")
        return self

    def build(self) -> Negatives:
        """What is drawn."""
        return Negatives(
            num=self.num,
            strategy=self.strategy,
            reject=None if self.reject is None else tuple(self.reject),
            time=self.time,
            name=self.name,
        )


class LinkConfig(_Section):
    """Makes seeds pairs of nodes. See `sampling.Link`."""

    node_set: str = Field(description="The second nodes' node set.")
    target: str = Field("target", description="The column of their ids.")
    edge_set: str | None = Field(
        None, description="The edge set whose edge between the pair is left out of samples."
    )
    reverse: str | None = Field(
        None, description="The edge set that holds the same edges the other way round."
    )
    columns: list[str] = Field([], description="Columns that samples in files keep.")
    negatives: list[NegativesConfig] = Field([], description="What is drawn for each link.")
    policy: Literal["error", "drop"] = Field(
        "error", description="What becomes of negatives that cannot be drawn."
    )

    @pydantic.model_validator(mode="after")
    def _is_valid(self) -> LinkConfig:
        self.build()
        names = [part.name for part in self.negatives]
        if len(set(names)) < len(names):
            raise ValueError(f"`negatives` of `link` must have unique names. Got {names}.")
        return self

    def build(self) -> Link:
        """The link of a plan."""
        return Link(node_set=self.node_set, edge_set=self.edge_set, reverse=self.reverse)


class SeedsConfig(_Section):
    """Which nodes the task is about: a table with a row a seed. See `graph.Seeds.from_table`."""

    table: str = Field(description="Parquet or CSV; a path, a glob or shards.")
    node_set: str = Field(description="The seeds' node set.")
    id: str = Field("id", description="The column of their ids.")
    time: str | None = Field(None, description="The column of the times up to which they may see.")
    label: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="The column of what is learned: a class, a list of classes or a number, as the "
        "task says; or several columns, each a class (0 or 1) or a number. Default: `label`; to "
        "predict links, none: every pair is a link.",
    )
    split: str = Field("split", description="The column that says train, validation or test.")
    link: LinkConfig | None = Field(
        None,
        description="Where seeds are pairs of nodes: the second ones. `node_set` and `id` are then "
        "those of the first ones, and `label`, if given, says whether they are linked (0 or 1).",
    )

    @pydantic.model_validator(mode="after")
    def _names_columns_once(self) -> SeedsConfig:
        if isinstance(self.label, list) and len(set(self.label)) < len(self.label):
            raise ValueError(f"`label` of `seeds` must name each column once. Got {self.label}.")
        return self


class PropagateConfig(_Section):
    """Features of far nodes, propagated to the seeds' node set once, before training.

    For the template `sehgnn`; see `graph.propagate_features` and `graph.propagate_labels`.
    """

    hops: Positive = Field(2, description="The most edge sets of a path.")
    labels: bool = Field(True, description="Whether training labels are propagated too.")
    label_hops: Positive | None = Field(
        None, description="The most edge sets of a path of labels; default: `hops`."
    )
    edge_sets: list[str] | None = Field(None, description="Which to follow; default: all.")


class DataConfig(_Section):
    """Either a data set by name, or a schema file and a table of seeds."""

    dataset: datasets.Name | None = Field(
        None, description="A data set by name, or the format of one's own files."
    )
    path: str | None = Field(
        None, description="With a format: the file or folder. See `datasets.load`."
    )
    split: Annotated[int, Field(ge=0)] = Field(
        0, description="With `dataset`: which of its splits. See `datasets.load`."
    )
    schema_: str | None = Field(
        None, alias="schema", description="A GraphSchema in text form, which names its tables."
    )
    seeds: SeedsConfig | None = Field(None, description="With `schema`.")
    propagate: PropagateConfig | None = Field(None, description="`{}` for its defaults.")
    latent: list[str] = Field(
        [],
        description="Node sets, not the seeds', of which models see ids in place of features. "
        "Those without features are that way already; propagation reads the features all the same.",
    )

    @pydantic.model_validator(mode="after")
    def _is_either(self) -> DataConfig:
        if (self.dataset is None) == (self.schema_ is None):
            raise ValueError("must have either `dataset` or `schema`")
        if (self.schema_ is None) != (self.seeds is None):
            raise ValueError("must have `seeds` if it has `schema`, and only then")
        if self.split and self.dataset is None:
            raise ValueError("must have `split` only with `dataset`")
        if (self.path is None) == (self.dataset in datasets.FORMATS):
            raise ValueError(
                f"must have `path` if `dataset` is one of {', '.join(datasets.FORMATS)}, and only "
                "then"
            )
        return self


class TaskConfig(_Section):
    """What is learned. See `training.NodeTask` and its objectives."""

    type: NodeTasks | GraphTasks | LinkTasks = Field(
        "node_classification",
        description="The task. Classification: one class a seed; multi-label classification: any "
        "number; regression: one or more numbers. The seeds of graph tasks are nodes that stand "
        "for graphs, each with an edge to every part of its own; they are sampled whole. Link "
        "prediction says whether pairs of nodes are linked, edge tasks what their link is: see "
        "`data.seeds.link`.",
    )
    score: PairScore | None = Field(
        None,
        description="Of pairs: what the head reads of both nodes' states; see "
        "`training.LinkTask`. Default: hadamard to predict links, else concat.",
    )
    hidden: Positive | None = Field(
        None, description="Of pairs: the units of a hidden layer before the head."
    )
    class_weights: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = Field(
        None, description="What a class counts in the loss: `balanced`, or a number a class."
    )
    label_smoothing: Share = Field(0.0, description="Of classes; in the loss only.")
    loss: RegressionLoss = Field("squared", description="Of a regression's standardized errors.")
    l2: Annotated[float, Field(ge=0)] = Field(0.0, description="On the head's kernel.")
    calibration: Literal["temperature"] | None = Field(
        None,
        description="Of the probabilities, on the validation seeds, after training: `temperature` "
        "divides the logits by one number. See `training.fit_temperature`.",
    )

    @property
    def of_graphs(self) -> bool:
        """Whether seeds stand for graphs."""
        return self.type in get_args(GraphTasks)

    @property
    def target(self) -> Target:
        """What the labels are."""
        if self.type.endswith("regression"):
            return "values"
        return "classes" if "multi_label" in self.type else "class"

    @property
    def of_pairs(self) -> bool:
        """Whether seeds are pairs of nodes."""
        return self.type in get_args(LinkTasks)

    @pydantic.model_validator(mode="after")
    def _fits_its_type(self) -> TaskConfig:
        for key in ("score", "hidden"):
            if getattr(self, key) is not None and not self.of_pairs:
                raise ValueError(f"`{key}` of `task` must be left out with type {self.type}.")
        if self.score == "dot" and self.hidden is not None:
            raise ValueError("`hidden` of `task` must be left out with score dot.")
        for key, targets in (
            ("class_weights", ("class",)),
            ("label_smoothing", ("class", "classes")),
            ("calibration", ("class", "classes")),
            ("loss", ("values",)),
        ):
            given = getattr(self, key) != type(self).model_fields[key].default
            if given and self.target not in targets:
                raise ValueError(f"`{key}` of `task` must be left out with type {self.type}.")
        return self


class OpConfig(_Section):
    """One operation of the plan. See `sampling.SamplingOp`."""

    edge_set: str = Field(description="The edge set to follow, from source to target.")
    name: str | None = Field(None, description="Default: the edge set's name.")
    fanout: int | None = Field(None, description="The most edges drawn for one source.")
    strategy: Strategy = Field("uniform", description="How edges are chosen.")
    inputs: list[str] = Field(["seed"], description="Operations whose nodes are expanded.")
    by: str | None = Field(None, description="The edge feature that `weighted` and `top_k` read.")

    @pydantic.model_validator(mode="after")
    def _is_valid(self) -> OpConfig:
        self.build()
        return self

    def build(self) -> SamplingOp:
        """The operation."""
        return SamplingOp(
            name=self.edge_set if self.name is None else self.name,
            edge_set=self.edge_set,
            fanout=self.fanout,
            strategy=self.strategy,
            inputs=tuple(self.inputs),
            by=self.by,
        )


class SamplingConfig(_Section):
    """Which neighbourhood of a seed a model sees. See `sampling.SamplingPlan`."""

    ops: Annotated[list[OpConfig], Field(min_length=1)] = Field(
        description="The operations, each after its inputs."
    )
    seed: int = Field(0, description="Another seed gives other draws.")

    @pydantic.model_validator(mode="after")
    def _is_valid(self) -> SamplingConfig:
        # Whether seeds are pairs this section does not know, unless it names the second nodes.
        pairs = Link(node_set="-")
        names = any(pairs.op in op.inputs for op in self.ops)
        self.build("", pairs if names else None)
        return self

    def build(self, seed_node_set: str, link: Link | None = None) -> SamplingPlan:
        """The plan for seeds of one node set, or for pairs."""
        ops = tuple(op.build() for op in self.ops)
        return SamplingPlan(seed_node_set=seed_node_set, ops=ops, seed=self.seed, link=link)


class ModelConfig(_Section):
    """A template of `models` by name; the template's own parameters stand beside the name."""

    model_config = pydantic.ConfigDict(extra="allow", frozen=True, strict=True)
    name: str = Field(description="The template.")

    def parameters(self, seed: int) -> dict[str, Any]:
        """All of the template's keyword arguments, defaults included.

        Args:
          seed: Of the run; the default of the template's own `seed`.
        """
        given = {"seed": seed, **(self.model_extra or {})}
        return template_parameters(self.name).model_validate_json(json.dumps(given)).model_dump()


class TrainingConfig(_Section):
    """How it is trained. See `training.Trainer` and `training.Optimizer`."""

    batch_size: Positive = Field(
        256, description="Seeds a step; not read in full-graph mode, where a step sees all."
    )
    epochs: Positive = Field(
        10, description="Passes over the training seeds; in full-graph mode each is one step."
    )
    optimizer: Literal["adam", "adamw"] = Field("adamw", description="The optimizer.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(1e-3, description="At its peak.")
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "cosine", description="How the learning rate falls."
    )
    warmup: Share = Field(0.05, description="The share of all steps in which it rises.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="With `adamw`.")
    clip_norm: Annotated[float, Field(gt=0)] | None = Field(
        1.0, description="The largest norm of the gradient; null: any."
    )
    ema_momentum: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Of the moving average of the weights that is evaluated; null: none."
    )
    monitor: str | None = Field(
        None,
        description="The validation metric that is best; default: `log_loss`, of a regression "
        "`mean_squared_error`.",
    )
    patience: Positive | None = Field(
        None, description="Stop after so many validations that were not better; null: never."
    )
    validate_every: Positive | None = Field(
        None,
        description="Validate after so many steps too, not only after each epoch; in full-graph "
        "mode, instead of after each step.",
    )
    checkpoint_every: Positive | None = Field(
        500, description="Save after so many steps too, not only after each epoch."
    )
    steps_per_execution: Positive = Field(1, description="Steps in one call of TensorFlow.")
    jit_compile: bool = Field(
        False, description="Whether to pad batches to static sizes and compile the step with XLA."
    )
    resample: bool = Field(True, description="Whether each epoch draws other neighbours.")
    fit_batches: Positive = Field(
        24, description="Training batches off which means, deviations and quantiles are read."
    )
    members: Positive = Field(
        1,
        description="Networks to train, one after another, with the seeds `seed`, `seed` + 1, ...; "
        "the model is the mean of their logits. See `training.ensemble`.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        0, description="Of the order of seeds, initial weights and dropout."
    )

    @pydantic.model_validator(mode="after")
    def _decays(self) -> TrainingConfig:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError("`weight_decay` of `training` must be 0 with `adam`.")
        return self


class BaselineConfig(_Section):
    """Gradient boosting, trained in the same run for comparison."""

    features: str | None = Field(
        None,
        description="`file.py:function`, from graph and seeds to columns by name; default: the "
        "seeds' own features that are known from the start.",
    )
    iterations: Positive = Field(200, description="The number of trees a class.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(0.08, description="Of the boosting.")
    min_samples_leaf: Positive = Field(100, description="The fewest seeds a leaf.")


class EvaluationConfig(_Section):
    """What is predicted when training is over."""

    splits: Annotated[list[Split], Field(min_length=1)] = Field(
        ["train", "validation", "test"], description="Whose seeds are predicted and embedded."
    )
    batch_size: Positive | None = Field(None, description="Default: that of training.")
    exact: bool = Field(
        False,
        description="Whether to predict from whole neighbourhoods, layer by layer, instead of "
        "samples: for message passing templates on graphs that are the same at all times. See "
        "`training.ExactPredictor`.",
    )


class ReportConfig(_Section):
    """How the report puts it."""

    class_names: Annotated[list[str], Field(min_length=2)] | None = Field(
        None, description="What the classes are called, in the sorted order of the labels."
    )


class RunConfig(_Section):
    """A whole run."""

    title: str | None = Field(None, description="Of the report; default: the file's name.")
    data: DataConfig
    task: TaskConfig = TaskConfig()
    sampling: SamplingConfig | None = Field(
        None,
        description="Left out: full-graph mode. Every step sees the whole graph and all seeds of "
        "the split at once, for graphs that fit in memory and are the same at all times.",
    )
    model: ModelConfig
    training: TrainingConfig = TrainingConfig()
    baseline: BaselineConfig | None = Field(None, description="`{}` for its defaults.")
    evaluation: EvaluationConfig = EvaluationConfig()
    report: ReportConfig = ReportConfig()
    output: str | None = Field(
        None, description="The run directory; default: `runs/` and the file's name."
    )

    @pydantic.model_validator(mode="after")
    def _monitors_what_is_scored(self) -> RunConfig:
        ranks = RANKS if self.ranked else ()
        scores = (*SCORES[self.task.target], *ranks)
        if self.training.monitor is not None and self.training.monitor not in scores:
            raise ValueError(
                f"`monitor` of `training` must be one of {', '.join(scores)} with task "
                f"{self.task.type}. Got {self.training.monitor!r}."
            )
        return self

    @pydantic.model_validator(mode="after")
    def _has_pairs_for_tasks_of_pairs(self) -> RunConfig:
        task = self.task
        if task.of_pairs != (self.link is not None):
            need = "be given" if task.of_pairs else "be left out"
            raise ValueError(f"`link` of `data.seeds` must {need} with task {task.type}.")
        if self.link is None:
            return self
        for key, given in (
            ("training.members", self.training.members > 1),
            ("data.propagate", self.data.propagate is not None),
            ("evaluation.exact", self.evaluation.exact),
        ):
            if given:
                raise ValueError(f"`{key}` must be left out with task {task.type}.")
        if self.sampling is None:
            raise ValueError(f"`sampling` must be given with task {task.type}.")
        if self.link.negatives and task.type != "link_prediction":
            raise ValueError(f"`negatives` of `data.seeds.link` must be left out with {task.type}.")
        return self

    @property
    def link(self) -> LinkConfig | None:
        """What makes seeds pairs, if they are."""
        return None if self.data.seeds is None else self.data.seeds.link

    @property
    def labels(self) -> list[str]:
        """The columns of the seeds' labels; none of pairs that are all links, or of a data set."""
        if self.data.seeds is None:
            return []
        given = self.data.seeds.label
        if given is None:
            return [] if self.task.type == "link_prediction" else ["label"]
        return [given] if isinstance(given, str) else given

    @property
    def ranked(self) -> bool:
        """Whether links are ranked among negatives."""
        return self.link is not None and bool(self.link.negatives)

    @property
    def monitor(self) -> str:
        """The validation metric that is best."""
        return self.training.monitor or SCORES[self.task.target][0]

    def resolved(self) -> dict[str, Any]:
        """Everything, defaults included, as plain values under the keys of the YAML."""
        data = self.model_dump(by_alias=True)
        data["model"] = {"name": self.model.name, **self.parameters}
        data["training"]["monitor"] = self.monitor
        return data

    @property
    def parameters(self) -> dict[str, Any]:
        """The template's keyword arguments."""
        return self.model.parameters(self.training.seed)
