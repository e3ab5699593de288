"""The stages of a run, in order."""

from __future__ import annotations

from tfgnn_ext.runner.baseline_columns import columns_source
from tfgnn_ext.runner.check_seeds import check_seeds
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.data import data_fingerprint
from tfgnn_ext.runner.stage import Stage
from tfgnn_ext.runner.stages.baseline import baseline
from tfgnn_ext.runner.stages.check_template import check_template
from tfgnn_ext.runner.stages.evaluate import evaluate
from tfgnn_ext.runner.stages.export import export
from tfgnn_ext.runner.stages.graph import graph
from tfgnn_ext.runner.stages.report import report
from tfgnn_ext.runner.stages.sample import sample
from tfgnn_ext.runner.stages.train import train

__all__ = ["stages_of"]

_LEARNING = ("tensorflow", "tensorflow-gnn", "tf_keras")


def stages_of(context: Context) -> tuple[Stage, ...]:
    """The stages that a config asks for."""
    own_tables = context.config.data.dataset is None
    stages = [
        Stage(
            name="graph",
            work=graph,
            check=check_seeds,
            outputs=("graph.json", *(("graph", "seeds.parquet") if own_tables else ())),
            # The task says what labels are, and what is seen of whole graphs.
            keys=("data", "task.type"),
            also=lambda context: data_fingerprint(context.loaded),
        ),
        Stage(
            name="sample",
            work=sample,
            outputs=("samples/statistics.json", "samples/schema.pbtxt"),
            keys=("sampling",),
            after=("graph",),
            packages=("numba",),
        ),
        Stage(
            name="baseline",
            work=baseline,
            outputs=("baseline/metrics.json", "baseline/predictions.parquet"),
            keys=("baseline",),
            after=("graph",),
            packages=("scikit-learn",),
            also=lambda context: columns_source(context.loaded),
        ),
        Stage(
            name="train",
            work=train,
            check=check_template,
            outputs=("inputs.json", "training.json", "weights.npz"),
            partial=("inputs.json", "checkpoints", "best", "logs", "members"),
            keys=("task", "model", "training", *(("sampling",) if context.full_graph else ())),
            after=("graph", "sample"),
            packages=_LEARNING,
        ),
        Stage(
            name="evaluate",
            work=evaluate,
            outputs=("embeddings", "predictions.parquet", "metrics.json"),
            keys=("evaluation",),
            after=("train", "baseline"),
            packages=_LEARNING,
        ),
        Stage(
            name="export",
            work=export,
            outputs=("model",),
            after=("train", "evaluate"),
            packages=_LEARNING,
        ),
        Stage(
            name="report",
            work=report,
            outputs=("report.html",),
            keys=("title", "report"),
            after=("evaluate", "export"),
            packages=("jinja2", "matplotlib"),
        ),
    ]
    left_out = {
        "sample": context.full_graph,
        "baseline": context.config.baseline is None,
    }
    return tuple(stage for stage in stages if not left_out.get(stage.name, False))
