"""Tasks of pairs: what the head reads, by hand, and how links are ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.tensors.readout import readout_pieces
from tfgnn_ext.training import Classification, LinkTask, Regression, ranking_metrics

SOURCE = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]], np.float32)
TARGET = np.array([[2.0, 0.5, 1.0], [4.0, 1.0, 1.0], [9.0, 9.0, 9.0]], np.float32)


def graph(widths: tuple[int, int] = (3, 3)) -> tfgnn.GraphTensor:
    """Two components: the first pair is (user 0, item 1), the second (user 1, item 2)."""
    ones = tf.ones([2], tf.int32)
    ends = [("user", tf.constant([0, 1])), ("item", tf.constant([1, 2]))]
    label = {"label": tf.constant([1.0, 0.0])}
    readout, edges = readout_pieces(ones, ends, label)
    states = [SOURCE[:, : widths[0]], TARGET[:, : widths[1]]]
    nodes = {
        name: tfgnn.NodeSet.from_fields(sizes=sizes, features={"hidden_state": state})
        for name, sizes, state in zip(("user", "item"), ([1, 1], [2, 1]), states, strict=True)
    }
    return tfgnn.GraphTensor.from_pieces(
        tfgnn.Context.from_fields(sizes=ones), {**nodes, "_readout": readout}, edges
    )


def model(task: LinkTask) -> tf.keras.Model:
    inputs = tf.keras.layers.Input(type_spec=graph().spec)
    return tf.keras.Model(inputs, task.predict(inputs))


def test_what_the_head_reads() -> None:
    # Pairs: (1, 2, 0) with (4, 1, 1), and (0, -1, 3) with (9, 9, 9).
    product = np.array([[4.0, 2.0, 0.0], [0.0, -9.0, 27.0]])
    dot = LinkTask(score="dot")
    np.testing.assert_allclose(dot.read(graph()), [[6.0], [18.0]])
    np.testing.assert_allclose(model(dot)(graph()), [[6.0], [18.0]])  # a = 1, b = 0.
    # A fifth of all pairs is linked: b = log(.2 / .8).
    shifted = model(LinkTask(score="dot", prior=0.2))(graph())
    np.testing.assert_allclose(shifted, [[6 - np.log(4)], [18 - np.log(4)]], rtol=1e-6)
    np.testing.assert_allclose(LinkTask(score="hadamard").read(graph()), product)
    both = np.concatenate([SOURCE, TARGET[1:]], axis=1)
    np.testing.assert_allclose(LinkTask(score="concat").read(graph()), both)
    hidden = model(LinkTask(score="concat", hidden=7, seed=3))
    layer, head = hidden.get_layer("pair_hidden"), hidden.get_layer("logits")
    expected = np.maximum(both @ layer.kernel.numpy(), 0) @ head.kernel.numpy()
    np.testing.assert_allclose(hidden(graph()), expected, rtol=1e-5)
    assert head.kernel.shape == (7, 1)


def test_labels_are_read_and_taken_out() -> None:
    cleaned, labels = LinkTask(label_feature="label").preprocess(graph())
    assert labels.numpy().tolist() == [1.0, 0.0]
    assert not cleaned.node_sets["_readout"].features
    with pytest.raises(ValueError, match="`label_feature` of `LinkTask` must be set"):
        LinkTask().preprocess(graph())


def test_an_edge_may_have_a_number() -> None:
    task = LinkTask(Regression(np.array([[1.0], [3.0]], np.float32)), score="concat")
    assert model(task).output_shape == (None, 1) or model(task).output_shape == (2, 1)
    assert set(task.score(np.array([[1.0]]), np.array([[2.0]]))) >= {"mean_squared_error", "r2"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"score": "cosine"}, "`score` of `LinkTask` must be one of dot, hadamard, concat."),
        ({"score": "dot", "hidden": 3}, "`hidden` of `LinkTask` must be None with score 'dot'"),
        ({"prior": 1.0}, r"`prior` of `LinkTask` must be in \(0, 1\). Got 1.0."),
        ({"prior": 0.2, "objective": Classification(3)}, "`prior` of `LinkTask` must be left out"),
        ({"hidden": 0}, "`hidden` of `LinkTask` must be an int >= 1. Got 0."),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LinkTask(**options)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'concat' where ends have states of other widths"):
        LinkTask().read(graph((2, 3)))
    one = tfgnn.GraphTensor.from_pieces(node_sets={"user": graph().node_sets["user"]})
    with pytest.raises(ValueError, match="must give the states of both nodes of a pair"):
        LinkTask().read(one)


def test_ranks_by_hand() -> None:
    # Group 0: two of three are higher: rank 3. Group 5: none higher, two equal: rank 2. Group 9:
    # rank 1. Group 4 has no negative, group 6 no positive.
    groups = np.array([0, 0, 0, 0, 5, 5, 5, 9, 9, 4, 6])
    labels = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0])
    scores = np.array([0.9, 0.5, 0.6, 0.1, 0.3, 0.3, 0.3, 0.1, 0.2, 0.0, 1.0])
    order = np.random.default_rng(0).permutation(len(groups))
    found = ranking_metrics(labels[order], scores[order], groups[order])
    expected = {"mrr": (1 / 3 + 1 / 2 + 1) / 3, "hits@1": 1 / 3, "hits@3": 1, "hits@10": 1}
    assert found == pytest.approx(expected)
    assert np.isnan(ranking_metrics([1], [0.5], [3])["mrr"])
    with pytest.raises(ValueError, match="must hold one positive pair each. Got 2 in group 3."):
        ranking_metrics([1, 1], [0.5, 0.1], [3, 3])


def test_a_constant_score_ranks_in_the_middle() -> None:
    groups, labels = np.repeat(np.arange(50), 11), np.tile([1, *[0] * 10], 50)
    assert ranking_metrics(labels, np.ones(550), groups)["mrr"] == pytest.approx(1 / 6)
