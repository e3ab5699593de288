"""A task of pairs of nodes: whether they are linked, or what their link is."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.sampling.link import READOUT
from tfgnn_ext.tensors.readout import is_of_pairs, read_ends
from tfgnn_ext.training.tasks.classification import Classification
from tfgnn_ext.training.tasks.objective import Objective
from tfgnn_ext.training.tasks.task import Task

PairScore = Literal["dot", "hadamard", "concat"]
PAIR_SCORES: tuple[str, ...] = get_args(PairScore)


class LinkTask(Task):
    """Learns something of the pair of nodes at which each component began.

    With s and t the final states of the pair's nodes, the head reads

    * "dot": ``s . t``, one number: logits are ``a (s . t) + b``, of which a starts at 1;
    * "hadamard": the products ``s * t``, ``[units]``;
    * "concat": s and t one after the other, ``[2 units]``, which can tell the ends apart.

    The first two score a pair and its reverse alike where both ends have one encoder. Models need
    the states of both ends: any of `models.MessagePassing`.

    As a `tfgnn.runner.Task` it can also train in `runner.run`, on our samples with their readout
    structure.

    Args:
      objective: What is learned; default: whether there is a link, by binary cross-entropy.
      score: What the head reads.
      hidden: The units of a hidden layer with ReLU between that and the head; not with "dot".
      prior: Of pairs that are linked or not, the share that is, in (0, 1): the head's bias begins
        at its log odds. With a bias of 0 and many negatives, training first makes every score
        small, which an encoder with ReLU may not come back from.
      l2: The weight of the squared head kernel in the loss.
      seed: Of initial weights.
      label_feature: Where `preprocess` finds labels, a feature of the node set ``_readout``.
        Providers that yield labels need none.

    >>> LinkTask(score="dot", hidden=8)
    Traceback (most recent call last):
    ValueError: `hidden` of `LinkTask` must be None with score 'dot'. Got 8.
    """

    def __init__(
        self,
        objective: Objective | None = None,
        *,
        score: PairScore = "hadamard",
        hidden: int | None = None,
        prior: float = 0.5,
        l2: float = 0.0,
        seed: int = 0,
        label_feature: str | None = None,
    ) -> None:
        if score not in PAIR_SCORES:
            raise ValueError(
                f"`score` of `LinkTask` must be one of {', '.join(PAIR_SCORES)}. Got {score!r}."
            )
        if hidden is not None and score == "dot":
            raise ValueError(
                f"`hidden` of `LinkTask` must be None with score 'dot'. Got {hidden!r}."
            )
        if hidden is not None and (isinstance(hidden, bool) or hidden < 1):
            raise ValueError(f"`hidden` of `LinkTask` must be an int >= 1. Got {hidden!r}.")
        if not 0 < prior < 1:
            raise ValueError(f"`prior` of `LinkTask` must be in (0, 1). Got {prior}.")
        objective = Classification(2) if objective is None else objective
        if prior != 0.5 and not (isinstance(objective, Classification) and objective.units == 1):
            raise ValueError(
                "`prior` of `LinkTask` must be left out unless `objective` is `Classification(2)`. "
                f"Got {prior}."
            )
        super().__init__(
            objective,
            l2=l2,
            seed=seed,
            bias=math.log(prior / (1 - prior)),
            kernel_initializer=tf.keras.initializers.Ones() if score == "dot" else None,
        )
        self._pair_score = score
        self._hidden = hidden
        self._hidden_seed = seed + 1
        self._label_feature = label_feature

    def preprocess(self, inputs: tfgnn.GraphTensor) -> tuple[tfgnn.GraphTensor, tfgnn.Field]:
        if self._label_feature is None:
            raise ValueError(
                "`label_feature` of `LinkTask` must be set where the provider yields no labels. "
                "Got None."
            )
        labels = tfgnn.keras.layers.Readout(
            node_set_name=READOUT, feature_name=self._label_feature
        )(inputs)
        return inputs.replace_features(node_sets={READOUT: {}}), labels

    def read(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        if not is_of_pairs(graph.spec):
            raise ValueError(
                "`model` must give the states of both nodes of a pair, as message passing "
                "templates do. Got one that gives those of one node."
            )
        # [num_components, width]
        states = ReadPairs(self._pair_score, name="read_pairs")(graph)
        if self._hidden is None:
            return states
        return tf.keras.layers.Dense(
            self._hidden,
            activation="relu",
            kernel_initializer=tf.keras.initializers.GlorotUniform(self._hidden_seed),
            name="pair_hidden",
        )(states)


class ReadPairs(tf.keras.layers.Layer):
    """The states of both ends as one: their dot product, product, or both side by side.

    Args:
      score: As for `LinkTask`.

    Call:
      inputs: A GraphTensor of pairs with HIDDEN_STATE.
      Returns ``[num_components, 1]``, ``[num_components, units]`` or
        ``[num_components, 2 * units]``.
    """

    def __init__(self, score: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._score = score

    def call(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        # [num_components, units]
        source, target = read_ends(graph, tfgnn.HIDDEN_STATE)
        if self._score == "concat":
            return tf.concat([source, target], axis=-1)
        if source.shape[-1] != target.shape[-1]:
            raise ValueError(
                f"`score` of `LinkTask` must be 'concat' where ends have states of other widths. "
                f"Got {source.shape[-1]} and {target.shape[-1]} with {self._score!r}."
            )
        product = source * target
        return tf.reduce_sum(product, -1, keepdims=True) if self._score == "dot" else product

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "score": self._score}
