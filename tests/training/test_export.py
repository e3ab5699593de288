"""Evaluation, tables and the exported model on a real graph."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tests.training.papers import (
    papers,
    papers_model,
    papers_parser,
    papers_sampler,
    papers_task,
)
from tfgnn_ext import training
from tfgnn_ext.sampling import Sizes, write_examples
from tfgnn_ext.tensors.sampled_batches import SampledBatches
from tfgnn_ext.training.embeddings import write_evaluation
from tfgnn_ext.training.exporting import export

SERVE = """
import sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
assert not [name for name in sys.modules if name.startswith(("tensorflow_gnn", "tfgnn_ext"))]
serve = model.signatures["serving_default"]
assert list(serve.structured_input_signature[1]) == ["examples"]
with np.load(sys.argv[2], allow_pickle=True) as file:
    found = serve(examples=tf.constant(file["examples"].tolist()))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    graph, seeds = papers()
    sampler = papers_sampler(graph)
    task = papers_task()
    trainer = training.Trainer(
        tmp_path_factory.mktemp("run"),
        epochs=4,
        optimizer=training.Optimizer(learning_rate=0.02),
    )
    fitted = training.fit(
        task,
        papers_model,
        training.SampledProvider(
            SampledBatches(sampler, seeds.split("train"), batch_size=7), partial="pad"
        ),
        trainer,
        validation=SampledBatches(sampler, seeds.split("validation"), batch_size=5),
    )
    everything = SampledBatches(sampler, seeds, batch_size=11)
    return graph, seeds, sampler, task, fitted, training.evaluate(task, fitted.model, everything)


def test_evaluation_covers_every_seed_and_agrees_with_validation(trained) -> None:
    _, seeds, _, task, fitted, evaluation = trained
    assert evaluation.predictions.ids.tolist() == seeds.ids.tolist()
    assert list(evaluation.metrics) == ["train", "validation", "test"]
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]
    # Batches of another size sum in another order.
    best = {v["step"]: v for v in fitted.validations}[fitted.best.step]
    assert best["log_loss"] == pytest.approx(evaluation.metrics["validation"]["log_loss"], 1e-5)
    assert best["accuracy"] == evaluation.metrics["validation"]["accuracy"]
    part = evaluation.take("test")
    again = task.score(seeds.split("test").labels, part.values)
    assert again == evaluation.metrics["test"]
    assert part.ids.tolist() == seeds.split("test").ids.tolist()


def test_tables(trained, tmp_path: Path) -> None:
    _, seeds, _, _, _, evaluation = trained
    embeddings, predictions = write_evaluation(evaluation, tmp_path, node_set="paper")
    table = pq.read_table(embeddings)
    assert table["id"].to_pylist() == [name.decode() for name in seeds.ids]
    np.testing.assert_array_equal(
        np.stack(table["embedding"].to_numpy()), evaluation.predictions.embeddings
    )
    table = pq.read_table(predictions)
    assert json.loads(table.schema.metadata[b"classes"]) == ["a", "b", "c"]
    assert table["label"].to_pylist() == [seeds.classes[k] for k in seeds.labels]
    rows = np.stack(table["probabilities"].to_numpy())
    assert table["prediction"].to_pylist() == [seeds.classes[k] for k in rows.argmax(axis=1)]
    assert set(table["split"].to_pylist()) == {"train", "validation", "test"}
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "paper.parquet",
        "predictions.parquet",
    ]


def test_exported_model_serves_without_tfgnn(trained, tmp_path: Path) -> None:
    graph, seeds, sampler, task, fitted, evaluation = trained
    parser = papers_parser(graph, sampler)
    chosen = seeds.take([3, 50, 17, 0])
    examples = write_examples(graph, sampler.sample(chosen.rows, chosen.times))
    # Twice: an existing model is replaced as a whole.
    export(task, fitted.model, parser, tmp_path / "model")
    directory = export(task, fitted.model, parser, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    # A component of its own may hold a venue and an author that the training graph lacks.
    strange = tf.train.Example.FromString(examples[0])
    features = strange.features.feature
    assert len(features["nodes/author.#id"].bytes_list.value)
    for name in ("nodes/paper.venue", "nodes/author.#id"):
        features[name].bytes_list.value[:] = [b"?"] * len(features[name].bytes_list.value)
    np.savez(
        tmp_path / "examples.npz",
        examples=np.array([*examples, strange.SerializeToString()], object),
    )
    subprocess.run(
        [sys.executable, "-c", SERVE, directory, tmp_path / "examples.npz", tmp_path / "served"],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    with np.load(tmp_path / "served.npz", allow_pickle=True) as served:
        assert sorted(served.files) == ["embedding", "ids", "logits", "probabilities"]
        assert served["ids"][:4].tolist() == chosen.ids.tolist()
        rows = [3, 50, 17, 0]
        for name, expected in (
            ("logits", evaluation.predictions.logits),
            ("probabilities", evaluation.predictions.values),
            ("embedding", evaluation.predictions.embeddings),
        ):
            np.testing.assert_allclose(served[name][:4], expected[rows], rtol=1e-5, atol=1e-6)
        # What is unknown is read as code 0.
        assert np.isfinite(served["logits"][4]).all()
        assert not np.allclose(served["logits"][4], served["logits"][0])


def test_wrong_split_is_named(trained) -> None:
    with pytest.raises(ValueError, match=r"must be one of train, validation, test. Got 'dev'"):
        trained[-1].take("dev")


def test_trained_padded_and_compiled_then_composed_for_any_size(trained, tmp_path: Path) -> None:
    _, seeds, sampler, task, *_ = trained
    # One component fits, two of the larger ones do not.
    budget = Sizes(nodes={"paper": 14, "author": 9}, edges={"cites": 9, "by": 12})
    batches = SampledBatches(sampler, seeds.split("train"), batch_size=3, budget=budget)
    fitted = training.fit(
        task,
        papers_model,
        training.SampledProvider(batches),
        training.Trainer(tmp_path, epochs=1, jit_compile=True),
        validation=SampledBatches(sampler, seeds, batch_size=3, budget=budget),
    )
    plain = SampledBatches(sampler, seeds, batch_size=3)
    choose = training.SeedBatches(len(seeds), 3)
    spec = plain.dataset(choose, 0, 1).element_spec[0]
    weights = [
        float(weight)
        for _, _, batch in SampledBatches(sampler, seeds, batch_size=3, budget=budget).dataset(
            choose, 0, choose.steps_per_epoch
        )
        for weight in batch[:3]
    ]
    assert 0 in weights, "The budget should be too small for some batches."
    model = training.compose(task, papers_model, spec, weights_of=fitted.model)
    evaluation = training.evaluate(task, model, plain)
    whole = task.score(seeds.labels, evaluation.predictions.values)
    assert fitted.validations[-1]["log_loss"] == pytest.approx(whole["log_loss"], rel=1e-5)
    assert fitted.validations[-1]["accuracy"] == whole["accuracy"]
