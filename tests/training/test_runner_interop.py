"""Samples we wrote train in TF-GNN's own `runner.run`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn
from tensorflow_gnn import runner

from tfgnn_ext.graph import Graph, parse_schema
from tfgnn_ext.sampling import (
    InMemorySampler,
    SamplingOp,
    SamplingPlan,
    sample_schema,
    write_examples,
    write_records,
)
from tfgnn_ext.training import NodeClassification

SCHEMA = """
node_sets { key: "paper" value {
  features { key: "words" value { dtype: DT_FLOAT shape { dim { size: 3 } } } }
  features { key: "topic" value { dtype: DT_INT64 shape {} } } } }
edge_sets { key: "cites" value { source: "paper" target: "paper" } }
"""
PAPERS, BATCH = 64, 8


def samples(folder: Path) -> tuple[str, tfgnn.GraphTensorSpec]:
    random = np.random.default_rng(0)
    words = random.normal(size=(PAPERS, 3)).astype(np.float32)
    paper = pa.table(
        {
            "id": [f"p{i:02d}" for i in range(PAPERS)],
            "words": pa.array(words.tolist(), pa.list_(pa.float32(), 3)),
            "topic": (words[:, 0] > 0).astype(np.int64),
        }
    )
    ends = random.integers(0, PAPERS, (2, 200))
    cites = pa.table(
        {k: [f"p{i:02d}" for i in e] for k, e in zip(("source", "target"), ends, strict=True)}
    )
    graph = Graph.from_tables(parse_schema(SCHEMA), {"paper": paper, "cites": cites})
    ops = (SamplingOp(name="hop", edge_set="cites", fanout=4),)
    sampler = InMemorySampler(graph, SamplingPlan(seed_node_set="paper", ops=ops))
    path = folder / "samples.tfrecord"
    write_records(path, write_examples(graph, sampler.sample(np.arange(PAPERS))))
    schema = tfgnn.GraphSchema.FromString(sample_schema(sampler).SerializeToString())
    return str(path), tfgnn.create_graph_spec_from_schema_pb(schema)


def model_fn(spec: tfgnn.GraphTensorSpec) -> tf.keras.Model:
    inputs = tf.keras.layers.Input(type_spec=spec)
    graph = tfgnn.keras.layers.MapFeatures(
        node_sets_fn=lambda part, node_set_name: tf.keras.layers.Dense(8, "relu")(part["words"])
    )(inputs)
    conv = tfgnn.keras.layers.SimpleConv(
        tf.keras.layers.Dense(8, "relu"), "mean", receiver_tag=tfgnn.SOURCE
    )
    update = tfgnn.keras.layers.NodeSetUpdate(
        {"cites": conv}, tfgnn.keras.layers.NextStateFromConcat(tf.keras.layers.Dense(8, "relu"))
    )
    graph = tfgnn.keras.layers.GraphUpdate(node_sets={"paper": update})(graph)
    return tf.keras.Model(inputs, graph)


def label_fn(graph: tfgnn.GraphTensor) -> tuple[tfgnn.GraphTensor, tf.Tensor]:
    labels = tfgnn.keras.layers.ReadoutFirstNode(node_set_name="paper", feature_name="topic")(graph)
    features = graph.node_sets["paper"].get_features_dict()
    del features["topic"]
    return graph.replace_features(node_sets={"paper": features}), labels


TASKS = {
    "theirs": runner.RootNodeMulticlassClassification(
        node_set_name="paper", label_fn=label_fn, num_classes=2
    ),
    "ours": NodeClassification("paper", num_classes=2, label_feature="topic"),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_runner_run_trains_on_our_samples(tmp_path: Path, task: runner.Task) -> None:
    pattern, spec = samples(tmp_path)
    losses: list[float] = []
    callback = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: losses.append(logs["loss"])
    )
    runner.run(
        train_ds_provider=runner.TFRecordDatasetProvider(file_pattern=pattern),
        model_fn=model_fn,
        optimizer_fn=lambda: tf.keras.optimizers.Adam(1e-2),
        epochs=8,
        trainer=runner.KerasTrainer(
            strategy=tf.distribute.get_strategy(),
            model_dir=str(tmp_path / "model"),
            steps_per_epoch=PAPERS // BATCH,
            callbacks=[callback],
            backup_and_restore=False,
        ),
        task=task,
        gtspec=spec,
        global_batch_size=BATCH,
        model_exporters=[],
    )
    # The topic is the sign of a word: it is learned, so the seed is where runner looks for it.
    assert len(losses) == 8
    assert losses[-1] < 0.6 * losses[0]
