"""Training: tasks, data providers, the trainer, evaluation and export.

Names load when they are used: metrics, class weights and seed batches need no TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfgnn_ext._lazy import lazy
from tfgnn_ext.training.class_weights import class_weights

if TYPE_CHECKING:
    from tfgnn_ext.training.averaging import averaged_weights
    from tfgnn_ext.training.best_so_far import BestSoFar
    from tfgnn_ext.training.embeddings import (
        embedding_table,
        prediction_table,
        write_evaluation,
        write_table,
    )
    from tfgnn_ext.training.ensembles import ensemble, side_by_side
    from tfgnn_ext.training.evaluation import Evaluation, evaluate
    from tfgnn_ext.training.exact_predictor import ExactPredictor
    from tfgnn_ext.training.exporting import Parser, export
    from tfgnn_ext.training.fitting import Fitted, ModelFn, compose, fit
    from tfgnn_ext.training.full_graph import FullGraphProvider
    from tfgnn_ext.training.layerwise import layerwise_states
    from tfgnn_ext.training.metrics import METRICS, classification_metrics, split_metrics
    from tfgnn_ext.training.metrics_of_labels import MULTI_LABEL_METRICS, multi_label_metrics
    from tfgnn_ext.training.metrics_of_numbers import REGRESSION_METRICS, regression_metrics
    from tfgnn_ext.training.metrics_of_rankings import RANKING_METRICS, ranking_metrics
    from tfgnn_ext.training.optimizers import Optimizer
    from tfgnn_ext.training.predict import Predictions, Predictor, inference_model
    from tfgnn_ext.training.provider import BatchSource, SampledProvider, StepProvider
    from tfgnn_ext.training.resumable import Interrupted, Resumable
    from tfgnn_ext.training.schedules import LearningRate
    from tfgnn_ext.training.seed_batches import SeedBatches
    from tfgnn_ext.training.tasks import (
        Classification,
        LinkTask,
        MultiLabelClassification,
        NodeClassification,
        NodeTask,
        Objective,
        Regression,
        Task,
    )
    from tfgnn_ext.training.temperature import calibrate, fit_temperature
    from tfgnn_ext.training.track import Track
    from tfgnn_ext.training.trackers import Progress, TensorBoard, Tracker
    from tfgnn_ext.training.trainer import Trainer
    from tfgnn_ext.training.validation import Validation

_HOMES = {
    "METRICS": "metrics",
    "Classification": "tasks",
    "LinkTask": "tasks",
    "MultiLabelClassification": "tasks",
    "RANKING_METRICS": "metrics_of_rankings",
    "ranking_metrics": "metrics_of_rankings",
    "NodeTask": "tasks",
    "Objective": "tasks",
    "Regression": "tasks",
    "REGRESSION_METRICS": "metrics_of_numbers",
    "regression_metrics": "metrics_of_numbers",
    "MULTI_LABEL_METRICS": "metrics_of_labels",
    "multi_label_metrics": "metrics_of_labels",
    "fit_temperature": "temperature",
    "calibrate": "temperature",
    "BatchSource": "provider",
    "BestSoFar": "best_so_far",
    "Evaluation": "evaluation",
    "ExactPredictor": "exact_predictor",
    "Fitted": "fitting",
    "FullGraphProvider": "full_graph",
    "Interrupted": "resumable",
    "LearningRate": "schedules",
    "ModelFn": "fitting",
    "NodeClassification": "tasks",
    "Optimizer": "optimizers",
    "Parser": "exporting",
    "Predictions": "predict",
    "Predictor": "predict",
    "Progress": "trackers",
    "Resumable": "resumable",
    "SampledProvider": "provider",
    "SeedBatches": "seed_batches",
    "StepProvider": "provider",
    "Task": "tasks",
    "TensorBoard": "trackers",
    "Track": "track",
    "Tracker": "trackers",
    "Trainer": "trainer",
    "Validation": "validation",
    "averaged_weights": "averaging",
    "classification_metrics": "metrics",
    "compose": "fitting",
    "embedding_table": "embeddings",
    "ensemble": "ensembles",
    "evaluate": "evaluation",
    "export": "exporting",
    "fit": "fitting",
    "inference_model": "predict",
    "layerwise_states": "layerwise",
    "prediction_table": "embeddings",
    "side_by_side": "ensembles",
    "split_metrics": "metrics",
    "write_evaluation": "embeddings",
    "write_table": "embeddings",
}

__all__ = [
    "METRICS",
    "MULTI_LABEL_METRICS",
    "RANKING_METRICS",
    "REGRESSION_METRICS",
    "BatchSource",
    "BestSoFar",
    "Classification",
    "Evaluation",
    "ExactPredictor",
    "Fitted",
    "FullGraphProvider",
    "Interrupted",
    "LearningRate",
    "LinkTask",
    "ModelFn",
    "MultiLabelClassification",
    "NodeClassification",
    "NodeTask",
    "Objective",
    "Optimizer",
    "Parser",
    "Predictions",
    "Predictor",
    "Progress",
    "Regression",
    "Resumable",
    "SampledProvider",
    "SeedBatches",
    "StepProvider",
    "Task",
    "TensorBoard",
    "Track",
    "Tracker",
    "Trainer",
    "Validation",
    "averaged_weights",
    "calibrate",
    "class_weights",
    "classification_metrics",
    "compose",
    "embedding_table",
    "ensemble",
    "evaluate",
    "export",
    "fit",
    "fit_temperature",
    "inference_model",
    "layerwise_states",
    "multi_label_metrics",
    "prediction_table",
    "ranking_metrics",
    "regression_metrics",
    "side_by_side",
    "split_metrics",
    "write_evaluation",
    "write_table",
]


__getattr__ = lazy(__name__, _HOMES)
