"""Learning tasks, on `tfgnn.runner.Task`'s interface: a place to read, and an objective."""

from tfgnn_ext.training.tasks.classification import Classification
from tfgnn_ext.training.tasks.cross_entropy import CrossEntropy, cross_entropy
from tfgnn_ext.training.tasks.link_task import PAIR_SCORES, LinkTask, PairScore
from tfgnn_ext.training.tasks.multi_label_classification import MultiLabelClassification
from tfgnn_ext.training.tasks.node_classification import NodeClassification
from tfgnn_ext.training.tasks.node_task import NodeTask
from tfgnn_ext.training.tasks.objective import Objective
from tfgnn_ext.training.tasks.regression import Regression
from tfgnn_ext.training.tasks.task import Task

__all__ = [
    "PAIR_SCORES",
    "Classification",
    "CrossEntropy",
    "LinkTask",
    "MultiLabelClassification",
    "NodeClassification",
    "NodeTask",
    "Objective",
    "PairScore",
    "Regression",
    "Task",
    "cross_entropy",
]
