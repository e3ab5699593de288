from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from tfgnn_ext.training.metrics import (
    METRICS,
    calibration_error,
    classification_metrics,
    is_better,
    mode_of,
    split_metrics,
)

LABELS = np.array([0, 0, 1, 1, 1])
SCORES = np.array([0.2, 0.6, 0.4, 0.7, 0.9])


def test_golden_binary() -> None:
    """By hand, for positives .4 .7 .9 and negatives .2 .6.

    Predicted 0 1 0 1 1: three of five right. TP 2, FP 1, FN 1: F1 of class 1 is 4/6; of class 0,
    with one of each, 1/2. Pairs in order: .4 > .2, not > .6; .7 and .9 beat both: AUC 5/6. In
    descending order + + - + -: precision at the positives 1, 1, 3/4: AP 11/12. Confidences .8 .6 .6
    .7 .9; in 15 bins .6 is the top of (.533, .6], .8 of (.733, .8], and .9 lies in (.867, .933]; .7
    in (.667, .733]. Gaps: 1 - .8, two wrong at .6, 1 - .7, 1 - .9: (.2 + 1.2 + .3 + .1) / 5 = .36.
    """
    found = classification_metrics(LABELS, np.stack([1 - SCORES, SCORES], axis=1))
    assert found == pytest.approx(
        {
            "accuracy": 3 / 5,
            "macro_f1": (2 / 3 + 1 / 2) / 2,
            "micro_f1": 3 / 5,
            "roc_auc": 5 / 6,
            "average_precision": 11 / 12,
            "calibration_error": 0.36,
            "log_loss": -np.log(0.8 * 0.4 * 0.4 * 0.7 * 0.9) / 5,
        }
    )
    assert tuple(found) == METRICS


def test_golden_calibration_cancels_within_a_bin() -> None:
    """Two items of confidence .75, one right: the bin's accuracy is .5, the gap .25.

    Were the gaps of items added, it would be (.25 + .75) / 2 = .5. Of weights 3 and 1 the accuracy
    is .75, and the gap 0.
    """
    right, confident = np.array([True, False]), np.array([0.75, 0.75])
    assert calibration_error(right, confident, np.ones(2), bins=10) == pytest.approx(0.25)
    assert calibration_error(right, confident, np.array([3.0, 1.0]), bins=10) == pytest.approx(0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_equals_scikit_learn(seed: int, num_classes: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(num_classes), random.integers(0, num_classes, 31)])
    scores = random.dirichlet(np.ones(num_classes), len(labels))
    weights = random.uniform(0.1, 2, len(labels))
    found = classification_metrics(labels, scores, weights=weights)
    predictions = scores.argmax(axis=1)
    one_hot = np.eye(num_classes)[labels]
    binary = num_classes == 2
    expected = {
        "accuracy": sk.accuracy_score(labels, predictions, sample_weight=weights),
        "macro_f1": sk.f1_score(labels, predictions, average="macro", sample_weight=weights),
        "micro_f1": sk.f1_score(labels, predictions, average="micro", sample_weight=weights),
        "roc_auc": sk.roc_auc_score(
            labels,
            scores[:, 1] if binary else scores,
            multi_class="ovr",
            average="macro",
            sample_weight=weights,
        ),
        "average_precision": sk.average_precision_score(
            labels if binary else one_hot,
            scores[:, 1] if binary else scores,
            sample_weight=weights,
        ),
        "log_loss": sk.log_loss(labels, scores, sample_weight=weights),
    }
    found.pop("calibration_error")
    assert found == pytest.approx(expected)


def test_integer_weights_are_copies_and_zero_leaves_out() -> None:
    scores = np.stack([1 - SCORES, SCORES], axis=1)
    weights = np.array([2, 0, 1, 3, 1])
    once = classification_metrics(LABELS, scores, weights=weights)
    copies = classification_metrics(np.repeat(LABELS, weights), np.repeat(scores, weights, axis=0))
    assert once == pytest.approx(copies)


def test_one_class_is_nan_with_a_warning() -> None:
    with (
        pytest.warns(UserWarning, match="average_precision is NaN"),
        pytest.warns(UserWarning, match="roc_auc is NaN: .* positives and negatives"),
    ):
        found = classification_metrics([1, 1], [[0.4, 0.6], [0.7, 0.3]])
    assert np.isnan(found["roc_auc"])
    assert np.isnan(found["average_precision"])
    assert found["accuracy"] == 0.5
    with pytest.warns(UserWarning, match="no items"):
        empty = classification_metrics([], np.zeros((0, 2)))
    assert all(np.isnan(value) for value in empty.values())


@pytest.mark.parametrize(
    ("labels", "scores", "weights", "message"),
    [
        ([0, 1], [[1.0], [0.0]], None, "`probabilities` .* num_classes >= 2"),
        ([0], [[0.5, 0.5]] * 2, None, "`labels` .* shape \\[2\\]. Got \\[1\\]"),
        ([0, 2], [[0.5, 0.5]] * 2, None, "`labels` .* in \\[0, 2\\). Got 2"),
        ([0.0, 1.0], [[0.5, 0.5]] * 2, None, "`labels` .* ints. Got float64"),
        ([0, 1], [[0.5, 0.5]] * 2, [1, -1], "`weights` .* >= 0. Got -1"),
        ([0, 1], [[0.5, 0.5]] * 2, [1], "`weights` .* shape \\[2\\]"),
        ([0, 1], [[0.5, np.nan]] * 2, None, "`probabilities` .* finite"),
    ],
)
def test_wrong_input_is_named(
    labels: object, scores: object, weights: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, scores, weights=weights)  # type: ignore[arg-type]


def test_splits_and_modes() -> None:
    scores = np.stack([1 - SCORES, SCORES], axis=1)
    found = split_metrics(
        classification_metrics,
        LABELS,
        scores,
        np.array([0, 2, 2, 0, 2]),
        ("train", "validation", "test"),
    )
    assert list(found) == ["train", "test"]
    assert found["train"] == classification_metrics(LABELS[[0, 3]], scores[[0, 3]])
    assert mode_of("calibration_error") == "min"
    assert mode_of("roc_auc") == "max"
    assert not is_better(float("nan"), None, "max")
