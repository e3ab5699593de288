"""Objectives against scikit-learn and plain NumPy; temperature against one that is known."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sklearn_metrics

from tests.training.toy import ToySource, toy_model, toy_seeds
from tfgnn_ext import training
from tfgnn_ext.training.tasks.regression import StandardizedError

RANDOM = np.random.default_rng(3)
WEIGHTS = np.array([1.0, 0.5, 2.0, 0.0, 1.5, 1.0])
TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
SAID = RANDOM.random((6, 3))


def test_multi_label_metrics_are_those_of_scikit_learn() -> None:
    found = training.multi_label_metrics(TRUTH, SAID, weights=WEIGHTS)
    assert tuple(found) == training.MULTI_LABEL_METRICS
    kept = WEIGHTS > 0
    y, p, w = TRUTH[kept], SAID[kept], WEIGHTS[kept]
    said = (p > 0.5).astype(int)
    f1 = [
        sklearn_metrics.f1_score(y[:, k], said[:, k], sample_weight=w)
        for k in range(3)
        if y[:, k].any() or said[:, k].any()
    ]
    assert found["macro_f1"] == pytest.approx(np.mean(f1))
    micro = sklearn_metrics.f1_score(y.ravel(), said.ravel(), sample_weight=np.repeat(w, 3))
    assert found["micro_f1"] == pytest.approx(micro)
    # Class 2 has no positives: it has neither curve.
    for name, score in (
        ("roc_auc", sklearn_metrics.roc_auc_score),
        ("average_precision", sklearn_metrics.average_precision_score),
    ):
        expected = np.mean([score(y[:, k], p[:, k], sample_weight=w) for k in (0, 1)])
        assert found[name] == pytest.approx(expected)
    exact = sklearn_metrics.accuracy_score(y, said, sample_weight=w)
    assert found["subset_accuracy"] == pytest.approx(exact)
    losses = [
        sklearn_metrics.log_loss(y[:, k], p[:, k], sample_weight=w, labels=[0, 1]) for k in range(3)
    ]
    assert found["log_loss"] == pytest.approx(np.mean(losses))


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 9).flatmap(
        lambda n: st.tuples(
            *[arrays.arrays(np.float64, (n, 2), elements=st.floats(-1e3, 1e3))] * 2,
            arrays.arrays(np.float64, n, elements=st.floats(0.1, 3)),
        )
    )
)
def test_regression_metrics_are_those_of_scikit_learn(case: tuple[np.ndarray, ...]) -> None:
    y, p, w = case
    found = training.regression_metrics(y, p, weights=w)
    assert tuple(found) == training.REGRESSION_METRICS
    for name, score in (
        ("mean_squared_error", sklearn_metrics.mean_squared_error),
        ("root_mean_squared_error", sklearn_metrics.root_mean_squared_error),
        ("mean_absolute_error", sklearn_metrics.mean_absolute_error),
    ):
        assert found[name] == pytest.approx(score(y, p, sample_weight=w), abs=1e-9)
    if (np.ptp(y, axis=0) > 1e-3).all():
        assert found["r2"] == pytest.approx(sklearn_metrics.r2_score(y, p, sample_weight=w))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training.multi_label_metrics([[1]], [[0.2, 0.3]]), "one shape"),
        (lambda: training.multi_label_metrics([[2]], [[0.2]]), "must be 0 or 1. Got 2"),
        (lambda: training.multi_label_metrics([[1]], [[np.nan]]), "must be finite"),
        (lambda: training.regression_metrics([1.0], [1.0]), r"one shape \[num_items, num_values"),
        (lambda: training.regression_metrics([[np.inf]], [[1.0]]), "`labels` .* finite"),
        (lambda: training.regression_metrics([[1.0]], [[1.0]], weights=[-1]), "`weights`"),
        (lambda: training.Regression(np.zeros(3)), "`labels` of `Regression` must have shape"),
        (lambda: training.Regression([[1.0]], loss="log"), "`loss` .* squared, absolute, huber"),
        (lambda: training.MultiLabelClassification(0), "`num_classes` .* int >= 1"),
    ],
)
def test_wrong_input_is_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_equal_labels_have_no_r2() -> None:
    """The mean of 0.1 is not 0.1, so that their spread is 1e-33 in place of 0."""
    y = np.full((7, 2), np.float64(np.float32(0.1)))
    assert np.isnan(training.regression_metrics(y, y + 0.01)["r2"])
    y[:, 1] = range(7)
    expected = sklearn_metrics.r2_score(y[:, 1], y[:, 1] + 0.5)
    assert training.regression_metrics(y, y + 0.5)["r2"] == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.1, 1e-30, 1e-42, -3.0, 1e30])
def test_a_number_that_is_always_the_same(value: float) -> None:
    labels = np.full((7, 1), value, np.float32)
    objective = training.Regression(labels)
    said = objective.predictions(tf.zeros((7, 1)))
    np.testing.assert_allclose(said, labels, rtol=1e-6, atol=1e-40)
    loss = objective.loss()(tf.constant(labels), tf.ones((7, 1)))
    assert loss.numpy() == pytest.approx(1)


def test_scores_beyond_float32_are_logged(tmp_path: Path) -> None:
    """As squares of numbers of 1e25 are: TensorBoard's scalars are float32."""
    tracker = training.TensorBoard(tmp_path)
    tracker.start({}, 0)
    tracker.log({"mean_squared_error": 1e50}, 1)
    tracker.finish("done")
    (path,) = tmp_path.iterdir()
    events = [value for event in tf.compat.v1.train.summary_iterator(str(path))
              for value in event.summary.value]  # fmt: skip
    assert [tf.make_ndarray(value.tensor) for value in events if "error" in value.tag] == [np.inf]


def test_nothing_to_judge_is_nan() -> None:
    with pytest.warns(UserWarning, match="no items"):
        found = training.regression_metrics(np.zeros((2, 1)), np.zeros((2, 1)), weights=[0, 0])
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Labels 1, 5 of mean 3 and deviation 2 are -1 and 1; errors 1.5 and -.5.
        ("squared", [2.25, 0.25]),
        ("absolute", [1.5, 0.5]),
        ("huber", [1.0, 0.125]),
    ],
)
def test_standardized_errors(kind: str, expected: list[float]) -> None:
    labels, logits = tf.constant([[1.0], [5.0]]), tf.constant([[0.5], [0.5]])
    loss = StandardizedError(kind=kind, means=[3.0], deviations=[2.0])  # type: ignore[arg-type]
    np.testing.assert_allclose(loss.call(labels, logits), expected, rtol=1e-6)
    weighted = (expected[0] + 3 * expected[1]) / 4
    np.testing.assert_allclose(loss(labels, logits, tf.constant([1.0, 3.0])), weighted, rtol=1e-6)
    again = StandardizedError.from_config(loss.get_config())
    np.testing.assert_allclose(again(labels, logits), loss(labels, logits))


def test_binary_cross_entropies() -> None:
    objective = training.MultiLabelClassification(2, label_smoothing=0.2)
    # Targets .9 and .1; logits log 3 and 0: probabilities 3/4 and 1/2.
    losses = objective.loss().call(tf.constant([[1, 0]]), tf.constant([[np.log(3.0), 0.0]]))
    own = -0.9 * np.log(0.75) - 0.1 * np.log(0.25)
    np.testing.assert_allclose(losses, [(own + np.log(2)) / 2], rtol=1e-6)
    np.testing.assert_allclose(objective.predictions(tf.constant([[np.log(3.0)]])), [[0.75]])


def _seeds(kind: str, num_seeds: int, seed: int):
    seeds, features = toy_seeds(num_seeds, seed=seed)
    if kind == "classes":
        labels = (features[:, :2] > 0).astype(np.int8)
        return dataclasses.replace(seeds, labels=labels, classes=("left", "right")), features
    labels = (100 + 30 * features[:, :1] - 20 * features[:, 1:2]).astype(np.float32)
    return dataclasses.replace(seeds, labels=labels, classes=("dollars",)), features


@pytest.mark.parametrize(
    ("kind", "metric", "most"),
    [("classes", "log_loss", 0.45), ("values", "mean_squared_error", 500)],
)
def test_fits(kind: str, metric: str, most: float, tmp_path: Path) -> None:
    """From nothing: log loss .69, a variance of 1,300."""
    seeds, features = _seeds(kind, 300, 0)
    objective = (
        training.MultiLabelClassification(2)
        if kind == "classes"
        else training.Regression(seeds.labels, loss="huber")
    )
    task = training.NodeTask("item", objective)
    fitted = training.fit(
        task,
        toy_model,
        training.SampledProvider(ToySource(seeds, features, 16), partial="pad"),
        training.Trainer(
            tmp_path,
            epochs=8,
            optimizer=training.Optimizer(learning_rate=0.03),
            monitor=metric,
            seed=1,
        ),
        validation=ToySource(*_seeds(kind, 60, 1), batch_size=16),
    )
    assert fitted.best is not None
    assert fitted.best.value < most
    held_out = ToySource(*_seeds(kind, 60, 2), batch_size=16)
    evaluation = training.evaluate(task, fitted.model, held_out)
    assert evaluation.metrics["train"][metric] < 1.3 * most
    table = training.prediction_table(evaluation)
    if kind == "classes":
        label = held_out.seeds.labels[7]
        expected = [name for name, chosen in zip(("left", "right"), label, strict=True) if chosen]
        assert table["label"].to_pylist()[7] == expected
        said = evaluation.predictions.values[7] > 0.5
        assert len(table["prediction"].to_pylist()[7]) == said.sum()
    else:
        np.testing.assert_allclose(table["label"], held_out.seeds.labels[:, 0])
        assert "probabilities" not in table.column_names
        np.testing.assert_allclose(table["prediction"], evaluation.predictions.values[:, 0])


@pytest.mark.parametrize("num_classes", [2, 4])
def test_temperature_is_found(num_classes: int) -> None:
    """Labels drawn from softmax(x) and logits 2.5 x: the temperature is 2.5."""
    task = training.NodeClassification("item", num_classes=num_classes)
    units = 1 if num_classes == 2 else num_classes
    logits = RANDOM.normal(0, 1.5, (40_000, units)).astype(np.float32)
    probabilities = task.predictions(tf.constant(logits)).numpy()
    draws = RANDOM.random((len(logits), 1))
    labels = np.minimum((probabilities.cumsum(axis=1) < draws).sum(axis=1), num_classes - 1)
    found = training.fit_temperature(task, labels, 2.5 * logits)
    assert found == pytest.approx(2.5, rel=0.05)
    before, after = (
        task.score(labels, task.predictions(tf.constant(2.5 * logits / t)).numpy())
        for t in (np.float32(1), np.float32(found))
    )
    assert after["calibration_error"] < 0.02 < before["calibration_error"]
    assert after["accuracy"] == before["accuracy"]
    if num_classes == 2:
        assert after["roc_auc"] == pytest.approx(before["roc_auc"])


def test_temperature_of_several_classes_is_found() -> None:
    task = training.NodeTask("item", training.MultiLabelClassification(3))
    logits = RANDOM.normal(0, 1.5, (20_000, 3))
    labels = (RANDOM.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    assert training.fit_temperature(task, labels, 2.5 * logits) == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_temperature_of_a_model_that_is_much_too_sure(num_classes: int) -> None:
    """Right by 200 in two of three, wrong by as much in one: the odds of 2 need a T of 289.

    Clipped probabilities would be as wrong at every temperature up to 4.
    """
    task = training.NodeClassification("item", num_classes=num_classes)
    labels = np.array([1, 1, 0])
    logits = np.full((3, 1), 200.0) if num_classes == 2 else np.array([[0.0, 200.0, -1e4]] * 3)
    with warnings.catch_warnings():
        # Items of one class cannot be ranked, and need not be.
        warnings.simplefilter("error")
        assert training.fit_temperature(task, labels, logits) == pytest.approx(20, rel=1e-3)
        assert training.fit_temperature(task, labels[:2], 0.01 * logits[:2]) < 1


def test_calibrated_head_divides_its_logits(tmp_path: Path) -> None:
    seeds, features = toy_seeds(40)
    task, source = training.NodeClassification("item", num_classes=2), ToySource(seeds, features, 8)
    spec = training.SampledProvider(source).dataset(0, 1).element_spec[0]
    model = training.compose(task, toy_model, spec)
    model.get_layer(task.head).bias.assign([0.7])
    before = training.Predictor(task, model, source)()
    training.calibrate(task, model, 1.7)
    after = training.Predictor(task, model, source)()
    np.testing.assert_allclose(after.logits, before.logits / 1.7, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after.embeddings, before.embeddings)


def test_temperature_needs_classes_and_items() -> None:
    numbers = training.NodeTask("item", training.Regression([[0.0], [1.0]]))
    with pytest.raises(ValueError, match="must be one of classes. Got Regression"):
        training.fit_temperature(numbers, np.zeros((1, 1)), np.zeros((1, 1)))
    classes = training.NodeClassification("item", num_classes=2)
    with pytest.raises(ValueError, match="must have items"):
        training.fit_temperature(classes, np.zeros(0, int), np.zeros((0, 1)))
    with pytest.raises(ValueError, match="`logits` .* must be finite"):
        training.fit_temperature(classes, np.zeros(1, int), np.array([[np.nan]]))
