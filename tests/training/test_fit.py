"""`fit` on a small problem: determinism, padding, stopping, strategies, trackers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.training.toy import ToySource, toy_model, toy_seeds
from tfgnn_ext import training
from tfgnn_ext.training.fitting import compose

ROOT = Path(__file__).parents[2]
TRAIN, FEATURES = toy_seeds(101)


def _fit(
    directory: Path,
    *,
    seed: int = 4,
    provider: training.SampledProvider | None = None,
    validation: ToySource | None = None,
    num_classes: int = 2,
    **options: Any,
) -> training.Fitted:
    options = {"epochs": 2, "optimizer": training.Optimizer(learning_rate=0.02), **options}
    trainer = training.Trainer(directory, seed=seed, **options)
    provider = provider or training.SampledProvider(ToySource(TRAIN, FEATURES, 8), seed=1)
    task = training.NodeClassification("item", num_classes=num_classes)
    return training.fit(task, toy_model, provider, trainer, validation=validation)


def _bytes(fitted: training.Fitted) -> bytes:
    return b"".join(weight.tobytes() for weight in fitted.model.get_weights())


def test_one_seed_one_result(tmp_path: Path) -> None:
    validation = ToySource(*toy_seeds(37, seed=1), batch_size=10)
    one, same, other = (
        _fit(tmp_path / str(run), seed=seed, validation=validation)
        for run, seed in enumerate((4, 4, 5))
    )
    assert _bytes(one) == _bytes(same)
    assert one.history == same.history
    assert one.validations == same.validations
    assert _bytes(one) != _bytes(other)


def test_learns_three_classes(tmp_path: Path) -> None:
    seeds, features = toy_seeds(300, num_classes=3)
    fitted = _fit(
        tmp_path,
        provider=training.SampledProvider(
            ToySource(seeds, features, 16), class_weights="balanced", partial="pad"
        ),
        validation=ToySource(*toy_seeds(60, num_classes=3, seed=1), batch_size=16),
        num_classes=3,
        epochs=8,
        optimizer=training.Optimizer(learning_rate=0.03, schedule="one_cycle", warmup=0.3),
    )
    assert fitted.best is not None
    best = {entry["step"]: entry for entry in fitted.validations}[fitted.best.step]
    assert best["accuracy"] > 0.7
    assert fitted.best.value == min(entry["log_loss"] for entry in fitted.validations)


def test_padding_loses_no_seed_and_changes_nothing(tmp_path: Path) -> None:
    fitted = _fit(tmp_path)
    task = training.NodeClassification("item", num_classes=2)
    seeds, features = toy_seeds(37, seed=1)
    whole, padded = (
        training.evaluate(task, fitted.model, ToySource(seeds, features, 10, room=room))
        for room in (None, 1)
    )
    assert padded.predictions.ids.tolist() == seeds.ids.tolist()
    np.testing.assert_allclose(
        padded.predictions.logits, whole.predictions.logits, rtol=1e-5, atol=1e-6
    )
    with pytest.raises(ValueError, match=r"static sizes .* Got a larger one for seed"):
        training.evaluate(task, fitted.model, ToySource(seeds, features, 10, room=0))


def test_jit_and_steps_per_execution(tmp_path: Path) -> None:
    provider = training.SampledProvider(ToySource(TRAIN, FEATURES, 8, room=8), seed=1)
    plain = _fit(tmp_path / "plain", provider=provider)
    # 12 steps an epoch: executions of 5, 5 and 2.
    many = _fit(tmp_path / "many", provider=provider, steps_per_execution=5, checkpoint_every=5)
    assert _bytes(many) == _bytes(plain)
    assert many.history == plain.history
    jit = _fit(tmp_path / "jit", provider=provider, steps_per_execution=5, jit_compile=True)
    assert [entry["step"] for entry in jit.history] == [12, 24]
    assert jit.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], abs=0.2)


class _Stop(tf.keras.callbacks.Callback):
    """Fails in a step, once."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations) == self._step:
            raise ZeroDivisionError


def test_plain_model_fit_resumes_too(tmp_path: Path) -> None:
    task = training.NodeClassification("item", num_classes=2)
    provider = training.SampledProvider(ToySource(TRAIN, FEATURES, 8), seed=1)
    steps = provider.steps_per_epoch()

    def run(directory: Path, stop: int) -> tuple[list[np.ndarray], list[dict[str, float]]]:
        tf.keras.backend.experimental.enable_tf_random_generator()
        tf.keras.utils.set_random_seed(2)
        model = compose(task, toy_model, provider.dataset().element_spec[0])
        model.compile("adam", task.losses(), weighted_metrics=task.metrics())
        resumable = training.Resumable(model, directory, steps_per_epoch=steps, every=4)
        batches = provider.dataset(resumable.step)
        callbacks = [_Stop(stop), resumable]
        model.fit(batches, epochs=3, steps_per_epoch=steps, callbacks=callbacks, verbose=0)
        return model.get_weights(), resumable.logs

    expected = run(tmp_path / "whole", -1)
    for stop in (3, 7, 7 + steps):
        with pytest.raises(ZeroDivisionError):
            run(tmp_path / "broken", stop)
    found = run(tmp_path / "broken", -1)
    for a, b in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[1] == expected[1]


def test_early_stopping_keeps_the_best_and_stays_stopped(tmp_path: Path) -> None:
    seeds, features = toy_seeds(37, seed=1)
    options: dict[str, Any] = {
        "validation": ToySource(seeds, features, 10),
        "epochs": 50,
        "optimizer": training.Optimizer(learning_rate=0.1, ema_momentum=0.5),
        "monitor": "accuracy",
        "patience": 3,
        "validate_every": 5,
    }
    fitted = _fit(tmp_path, **options)
    assert fitted.best is not None
    assert fitted.best.waited == 3
    values = [entry["accuracy"] for entry in fitted.validations]
    assert values[-4] == max(values) == fitted.best.value
    assert fitted.validations[-4]["step"] == fitted.best.step < 50 * 12
    task = training.NodeClassification("item", num_classes=2)
    again = training.evaluate(task, fitted.model, ToySource(seeds, features, 10))
    assert again.metrics["train"]["accuracy"] == fitted.best.value
    resumed = _fit(tmp_path, **options)
    assert resumed.validations == fitted.validations
    assert _bytes(resumed) == _bytes(fitted)


def test_averaged_weights_come_and_go(tmp_path: Path) -> None:
    fitted = _fit(tmp_path, optimizer=training.Optimizer(learning_rate=0.05, ema_momentum=0.5))
    model = fitted.model
    variable = model.trainable_variables[0]
    variable.assign(variable + 1.0)
    before = [weight.copy() for weight in model.get_weights()]
    with training.averaged_weights(model):
        assert not np.allclose(model.get_weights()[0], before[0])
    for kept, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, now)


def test_other_checkpoints_and_bad_losses_are_refused(tmp_path: Path) -> None:
    _fit(tmp_path / "run")
    with pytest.raises(ValueError, match=r"must be of epochs of 20 steps. Got 12"):
        _fit(tmp_path / "run", provider=training.SampledProvider(ToySource(TRAIN, FEATURES, 5)))
    seeds, features = toy_seeds(101, num_classes=3)
    with pytest.raises(ValueError, match=r"must be of this model and optimizer"):
        _fit(
            tmp_path / "run",
            num_classes=3,
            provider=training.SampledProvider(ToySource(seeds, features, 8)),
        )
    with pytest.raises(ValueError, match=r"The loss must be finite. Got (nan|inf) by step 12"):
        _fit(tmp_path / "nan", optimizer=training.Optimizer(learning_rate=1e38))
    with pytest.raises(ValueError, match=r"`monitor` must be one of log_loss, .* Got 'auc'"):
        _fit(tmp_path / "auc", monitor="auc", validation=ToySource(TRAIN, FEATURES, 8))
    with pytest.raises(ValueError, match=r"`epochs` of `Trainer` must be an int >= 1. Got 0"):
        training.Trainer(tmp_path, epochs=0)


class _Record(training.Tracker):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def start(self, settings: Mapping[str, object], step: int) -> None:
        self.told.append(("start", settings["steps"], step))

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.told.append((step, set(values)))

    def finish(self, outcome: str) -> None:
        self.told.append(outcome)


def test_trackers(tmp_path: Path) -> None:
    record = _Record()
    logs = tmp_path / "logs"
    _fit(
        tmp_path,
        epochs=1,
        trackers=[record, training.TensorBoard(logs)],
        track_every=5,
        validation=ToySource(TRAIN, FEATURES, 8),
    )
    train = {"train/loss", "train/accuracy", "train/log_loss", "learning_rate", "seeds_per_second"}
    start, *middle, end, outcome = record.told
    assert start == ("start", 12, 0)
    assert outcome == "completed"
    assert middle == [(5, train), (10, train)]
    assert end[0] == 12
    assert end[1] > train
    assert "validation/roc_auc" in end[1]
    tags = set()
    for path in logs.iterdir():
        for event in tf.compat.v1.train.summary_iterator(os.fspath(path)):
            tags |= {(event.step, value.tag) for value in event.summary.value}
    assert {(5, "train/loss"), (12, "validation/log_loss"), (0, "settings")} <= tags


@pytest.mark.parametrize(("pipelines", "replicas"), [(1, 2), (2, 2), (2, 4)])
def test_pipelines_feed_disjoint_parts_of_each_step(pipelines: int, replicas: int) -> None:
    provider = training.SampledProvider(ToySource(TRAIN, FEATURES, 5), seed=3)
    batches = provider.batches(replicas)
    local = replicas // pipelines
    for pipeline in range(pipelines):
        context = tf.distribute.InputContext(pipelines, pipeline, replicas)
        found = [
            graph.node_sets["item"]["x"].numpy()[::2]
            for graph, _, _ in provider.dataset(2, 4, context=context)
        ]
        expected = [
            FEATURES[batches(step, pipeline * local + replica)[0]]
            for step in (2, 3)
            for replica in range(local)
        ]
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match=r"equally many replicas .* Got 3 replicas in 2"):
        provider.dataset(context=tf.distribute.InputContext(2, 0, 3))


MIRRORED = """
import sys
import tfgnn_ext, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfgnn_ext import training
from tests.training.test_fit import FEATURES, TRAIN, ToySource, toy_model
import numpy as np
task = training.NodeClassification("item", num_classes=2)
for name, strategy, size in (
    ("two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), 5), ("one", None, 10)
):
    source = ToySource(TRAIN, FEATURES, size)
    provider = training.SampledProvider(source, seed=1)
    trainer = training.Trainer(
        f"{sys.argv[1]}/{name}", epochs=2, strategy=strategy, checkpoint_every=3,
        optimizer=training.Optimizer(learning_rate=0.02, ema_momentum=0.9),
    )
    fitted = training.fit(
        task, lambda spec: toy_model(spec, dropout=0.0), provider, trainer, validation=source
    )
    np.savez(f"{sys.argv[1]}/{name}.npz", *fitted.model.get_weights())
"""


def test_two_replicas_equal_one_of_twice_the_batch(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", MIRRORED, tmp_path],
        check=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        for name in one.files:
            np.testing.assert_allclose(two[name], one[name], rtol=1e-3, atol=1e-5)


def test_labels_in_the_graph_are_read_at_the_seed_and_taken_out() -> None:
    graph, _, _ = next(
        iter(
            ToySource(TRAIN, FEATURES, 4).dataset(training.SeedBatches(101, 4, shuffle=False), 0, 1)
        )
    )
    features = {**graph.node_sets["item"].features, "label": tf.range(8)}
    graph = graph.replace_features(node_sets={"item": features})
    task = training.NodeClassification("item", num_classes=8, label_feature="label")
    kept, labels = task.preprocess(graph)
    assert labels.numpy().tolist() == [0, 2, 4, 6]
    assert list(kept.node_sets["item"].features) == ["x"]
    with pytest.raises(ValueError, match=r"`label_feature` of `NodeClassification` must be set"):
        training.NodeClassification("item", num_classes=8).preprocess(graph)
