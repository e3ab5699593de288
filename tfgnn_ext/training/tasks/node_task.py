"""A task of seed nodes."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.training.tasks.objective import Objective
from tfgnn_ext.training.tasks.task import Task


class NodeTask(Task):
    """Learns something of the first node of each component of the seed node set.

    A graph can be such a node too: one with an edge to each of its parts, whose state is what the
    model pools of theirs.

    As a `tfgnn.runner.Task` it can also train in `runner.run`, on components that carry their label
    in a feature of the seed.

    Args:
      node_set: The seed node set.
      objective: What is learned.
      l2: The weight of the squared head kernel in the loss.
      seed: Of the head's initial weights.
      label_feature: Where `preprocess` finds labels: a feature of the seed node set, read at the
        seed and taken out of the graph. Providers that yield labels need none.

    >>> from tfgnn_ext.training.tasks import MultiLabelClassification
    >>> task = NodeTask("paper", MultiLabelClassification(4))
    >>> task.objective.units
    4
    """

    def __init__(
        self,
        node_set: str,
        objective: Objective,
        *,
        l2: float = 0.0,
        seed: int = 0,
        label_feature: str | None = None,
    ) -> None:
        super().__init__(objective, l2=l2, seed=seed)
        self.node_set = node_set
        self._label_feature = label_feature

    def preprocess(self, inputs: tfgnn.GraphTensor) -> tuple[tfgnn.GraphTensor, tfgnn.Field]:
        if self._label_feature is None:
            raise ValueError(
                f"`label_feature` of `{type(self).__name__}` must be set where the provider yields "
                "no labels. Got None."
            )
        labels = tfgnn.keras.layers.ReadoutFirstNode(
            node_set_name=self.node_set, feature_name=self._label_feature
        )(inputs)
        features = inputs.node_sets[self.node_set].get_features_dict()
        del features[self._label_feature]
        return inputs.replace_features(node_sets={self.node_set: features}), labels

    def read(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        return tfgnn.keras.layers.ReadoutFirstNode(
            node_set_name=self.node_set, feature_name=tfgnn.HIDDEN_STATE
        )(graph)
