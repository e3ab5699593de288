"""Learning objectives, on `tfgnn.runner.Task`'s interface."""

from tfgnn_ext.training.tasks.cross_entropy import CrossEntropy, cross_entropy
from tfgnn_ext.training.tasks.node_classification import NodeClassification
from tfgnn_ext.training.tasks.task import Task

__all__ = ["CrossEntropy", "NodeClassification", "Task", "cross_entropy"]
