"""Classification of seed nodes."""

from __future__ import annotations

from tfgnn_ext.training.tasks.classification import Classification
from tfgnn_ext.training.tasks.node_task import NodeTask


class NodeClassification(NodeTask):
    """A `NodeTask` whose objective is `Classification`: the most common task.

    Args:
      node_set: The seed node set.
      num_classes, label_smoothing: As for `Classification`.
      l2, seed, label_feature: As for `NodeTask`.
    """

    def __init__(
        self,
        node_set: str,
        *,
        num_classes: int,
        label_smoothing: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        label_feature: str | None = None,
    ) -> None:
        objective = Classification(num_classes, label_smoothing=label_smoothing)
        super().__init__(node_set, objective, l2=l2, seed=seed, label_feature=label_feature)
