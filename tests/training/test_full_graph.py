"""Full-graph mode: equal to samples that miss nothing, trained, resumed, served; no future."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tests.training.papers import papers
from tfgnn_ext import models, training
from tfgnn_ext.graph import (
    EdgeSet,
    Feature,
    Graph,
    NodeSet,
    Seeds,
    new_schema,
    propagate_features,
)
from tfgnn_ext.graph.schema import declare_feature
from tfgnn_ext.layers import NumberColumns
from tfgnn_ext.sampling import InMemorySampler, SamplingOp, SamplingPlan
from tfgnn_ext.tensors import (
    InputSpec,
    LookUpSeeds,
    SampledBatches,
    WholeGraph,
    WholeGraphBatches,
    whole_graph_spec,
)
from tfgnn_ext.tensors.input_spec import FeatureInput
from tfgnn_ext.training.fitting import compose

NUM_PAPERS, NUM_AUTHORS = 97, 11


def _edges(pairs: np.ndarray, source: str, target: str, num_sources: int) -> EdgeSet:
    pairs = np.unique(pairs, axis=1)
    order = np.lexsort((pairs[1], pairs[0]))
    counts = np.bincount(pairs[0], minlength=num_sources)
    weight = np.random.default_rng(4).normal(size=pairs.shape[1]).astype(np.float32)
    return EdgeSet(
        source,
        target,
        np.concatenate([[0], np.cumsum(counts)]),
        pairs[1, order].astype(np.int32),
        None,
        {"weight": Feature(weight)} if source == target else {},
    )


def untimed_papers() -> tuple[Graph, Seeds]:
    """Papers with words and a venue that cite each other; authors without features."""
    random = np.random.default_rng(3)
    words = random.normal(size=(NUM_PAPERS, 5)).astype(np.float32)
    words[random.random(words.shape) < 0.1] = np.nan
    venue = Feature(
        random.integers(0, 3, NUM_PAPERS).astype(np.int32), np.array([b"", b"KDD", b"WWW"])
    )
    schema = new_schema()
    declare_feature(schema.node_sets["paper"], "words", "DT_FLOAT", (5,))
    declare_feature(schema.node_sets["paper"], "venue", "DT_STRING", ())
    schema.node_sets["author"].SetInParent()
    ends = {"cites": ("paper", "paper"), "by": ("paper", "author"), "wrote": ("author", "paper")}
    for name, (source, target) in ends.items():
        schema.edge_sets[name].source, schema.edge_sets[name].target = source, target
    declare_feature(schema.edge_sets["cites"], "weight", "DT_FLOAT", ())
    sizes = {"paper": NUM_PAPERS, "author": NUM_AUTHORS}
    edge_sets = {
        name: _edges(
            np.stack([random.integers(0, sizes[end], 211) for end in pair]), *pair, sizes[pair[0]]
        )
        for name, pair in ends.items()
    }
    ids = np.array([f"p{number:03d}".encode() for number in range(NUM_PAPERS)])
    node_sets = {
        "paper": NodeSet(ids, {"words": Feature(words), "venue": venue}),
        "author": NodeSet(np.arange(NUM_AUTHORS)),
    }
    rows = random.permutation(NUM_PAPERS)[:89].astype(np.int32)
    seeds = Seeds(
        node_set="paper",
        rows=rows,
        times=None,
        labels=np.nan_to_num(words[rows, :3]).argmax(axis=1).astype(np.int32),
        classes=("a", "b", "c"),
        splits=random.integers(0, 3, len(rows)).astype(np.int8),
        ids=ids[rows],
    )
    return Graph(schema, node_sets, edge_sets), seeds


GRAPH, SEEDS = untimed_papers()
WHOLE = WholeGraph(GRAPH)
SPEC = whole_graph_spec(WHOLE, "paper")
TASK = training.NodeClassification("paper", num_classes=3)
# Templates that read what they can reach along edges, so that samples can hold all of it.
LOCAL = {
    "graph_sage": {"units": 8, "id_dropout": 0.0},
    "gat_v2": {"units": 8, "num_heads": 2},
    "mt_albis": {"units": 8, "message_units": 8, "dropout": 0.0},
}


def _model_fn(name: str, spec: InputSpec = SPEC, **options: object) -> training.ModelFn:
    template = getattr(models, name)

    def make(graph_spec: tfgnn.GraphTensorSpec) -> tf.keras.Model:
        return template(
            dataclasses.replace(spec, graph_spec=graph_spec), **{**LOCAL[name], **options}
        )

    return make


def _everything(position: int) -> tuple[np.ndarray, np.ndarray, int]:
    return np.arange(len(SEEDS)), np.ones(len(SEEDS), np.float32), 0


@pytest.mark.parametrize("name", LOCAL)
def test_equals_samples_that_miss_nothing(name: str) -> None:
    """Two layers on the whole graph, and on samples with all neighbours in two hops."""
    ops = []
    for hop, inputs in ((1, {"paper": ("seed",)}), (2, None)):
        before = inputs or {
            end: tuple(op.name for op in ops if GRAPH.edge_sets[op.edge_set].target == end)
            for end in ("paper", "author")
        }
        ops += [
            SamplingOp(
                name=f"{edge_set}_{hop}",
                edge_set=edge_set,
                strategy="full",
                inputs=before[edges.source],
            )
            for edge_set, edges in GRAPH.edge_sets.items()
            if edges.source in before
        ]
    sampler = InMemorySampler(GRAPH, SamplingPlan(seed_node_set="paper", ops=tuple(ops)))
    sampled = SampledBatches(sampler, SEEDS, batch_size=len(SEEDS)).dataset(_everything, 0, 1)
    whole = WholeGraphBatches(WHOLE, SEEDS).dataset(_everything, 0, 1)
    on_samples = compose(TASK, _model_fn(name), sampled.element_spec[0])
    on_whole = compose(TASK, _model_fn(name), whole.element_spec[0], weights_of=on_samples)
    (a, labels, _), (b, same_labels, _) = next(iter(sampled)), next(iter(whole))
    expected = on_samples(a).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(on_whole(b).numpy(), expected, atol=2e-5)
    np.testing.assert_array_equal(labels, same_labels)


def _fit(directory: Path, **options: object) -> training.Fitted:
    provider = training.FullGraphProvider(
        WholeGraphBatches(WHOLE, SEEDS.split("train")), steps_per_epoch=20
    )
    trainer = training.Trainer(
        directory,
        optimizer=training.Optimizer(learning_rate=0.03),
        **{"epochs": 2, "validate_every": 1, **options},
    )
    return training.fit(
        TASK,
        _model_fn("graph_sage", dropout=0.3),
        provider,
        trainer,
        validation=WholeGraphBatches(WHOLE, SEEDS.split("validation")),
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> training.Fitted:
    return _fit(tmp_path_factory.mktemp("run"))


def test_learns_and_validates_every_step(fitted: training.Fitted) -> None:
    assert [validation["step"] for validation in fitted.validations] == list(range(1, 41))
    evaluation = training.evaluate(TASK, fitted.model, WholeGraphBatches(WHOLE, SEEDS))
    assert set(evaluation.metrics) == {"train", "validation", "test"}
    assert evaluation.metrics["train"]["accuracy"] > 0.8
    assert evaluation.metrics["test"]["roc_auc"] > 0.7
    assert evaluation.metrics["validation"]["log_loss"] == pytest.approx(
        fitted.best.value, rel=1e-4
    )
    # In the seeds' order, whatever the rows'.
    assert evaluation.predictions.ids.tolist() == SEEDS.ids.tolist()


def test_only_the_seeds_of_the_split_count(tmp_path: Path) -> None:
    """Other labels of other splits change nothing; other labels of the split do."""

    def trained(split: int) -> list[np.ndarray]:
        labels = np.where(SEEDS.splits == split, (SEEDS.labels + 1) % 3, SEEDS.labels)
        seeds = dataclasses.replace(SEEDS, labels=labels.astype(np.int32))
        provider = training.FullGraphProvider(WholeGraphBatches(WHOLE, seeds.split("train")))
        trainer = training.Trainer(tmp_path / str(split), epochs=3)
        return training.fit(TASK, _model_fn("graph_sage"), provider, trainer).model.get_weights()

    plain, test_changed, train_changed = trained(7), trained(2), trained(0)
    for one, other in zip(plain, test_changed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(a != b) for a, b in zip(plain, train_changed, strict=True))


def test_compiled_by_xla_alike(fitted: training.Fitted, tmp_path: Path) -> None:
    compiled = _fit(tmp_path, jit_compile=True)
    for one, other in zip(fitted.validations, compiled.validations, strict=True):
        assert one["log_loss"] == pytest.approx(other["log_loss"], abs=1e-3)


def test_resumes_in_the_middle(fitted: training.Fitted, tmp_path: Path) -> None:
    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if batch == 12:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path, checkpoint_every=7, callbacks=[Stop()])
    resumed = _fit(tmp_path, checkpoint_every=7)
    assert resumed.validations == fitted.validations
    for one, other in zip(fitted.model.weights, resumed.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_class_weights_enter_the_loss() -> None:
    provider = training.FullGraphProvider(
        WholeGraphBatches(WHOLE, SEEDS.split("train")), class_weights=[1.0, 0.0, 2.5]
    )
    ((_, labels, weights),) = provider.dataset(0, 1)
    np.testing.assert_allclose(weights, np.array([1.0, 0.0, 2.5])[labels.numpy()])


def test_served_by_id(fitted: training.Fitted, tmp_path: Path) -> None:
    evaluation = training.evaluate(TASK, fitted.model, WholeGraphBatches(WHOLE, SEEDS))
    path = training.export(TASK, fitted.model, LookUpSeeds(WHOLE, "paper"), tmp_path / "model")
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    chosen = [5, 2, 2, 61]
    found = serve(ids=tf.constant(SEEDS.ids[chosen]))
    assert found["ids"].numpy().tolist() == SEEDS.ids[chosen].tolist()
    predictions = evaluation.predictions
    for name, wanted in (("probabilities", predictions.values), ("logits", predictions.logits)):
        expected = wanted[chosen]
        np.testing.assert_allclose(found[name], expected, atol=1e-5)
    np.testing.assert_allclose(
        found["embedding"], evaluation.predictions.embeddings[chosen], atol=1e-5
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be nodes of node set"):
        serve(ids=tf.constant([b"nobody"]))


def test_statistics_are_of_all_values() -> None:
    words = GRAPH.node_sets["paper"].features["words"].values
    found = SPEC.nodes["paper"]["words"]
    np.testing.assert_allclose(found.mean, np.nanmean(words, axis=0), atol=1e-6)
    np.testing.assert_allclose(found.std, np.nanstd(words, axis=0), rtol=1e-5)
    assert found.missing
    assert not SPEC.edges["cites"]["weight"].missing
    assert SPEC.nodes["author"]["#id"].size == NUM_AUTHORS + 1


def test_bags_of_words_become_shares() -> None:
    schema = new_schema()
    declare_feature(schema.node_sets["n"], "bag", "DT_FLOAT", (101,))
    declare_feature(schema.node_sets["n"], "dense", "DT_FLOAT", (101,))
    values = np.zeros((4, 101), np.float32)
    values[0, 1], values[1, 0], values[1, 70] = 3, -4, 1
    declare_feature(schema.node_sets["n"], "many", "DT_FLOAT", (101,))
    many = np.zeros((4, 101), np.float32)
    many[:, :40] = 1  # Two fifths occur: no bag.
    features = {"bag": Feature(values), "dense": Feature(values + 1), "many": Feature(many)}
    graph = Graph(schema, {"n": NodeSet(np.arange(4), features)}, {})
    whole = WholeGraph(graph)
    found = whole_graph_spec(whole, "n").nodes["n"]
    assert found["bag"] == FeatureInput(kind="bag", width=101, missing=False)
    assert found["dense"].kind == found["many"].kind == "numeric"
    columns = NumberColumns({"bag": found["bag"]}, ramps=True)
    assert columns.width == 101
    shares = columns(whole.tensor.node_sets["n"].features).numpy()
    values[0, 1], values[1, 0], values[1, 70] = 1, -0.8, 0.2
    np.testing.assert_allclose(shares, values, atol=1e-7)


def test_what_depends_on_time_is_refused() -> None:
    graph, _ = papers()
    with pytest.raises(ValueError, match=r"`graph` of `WholeGraph` must be the same at all times"):
        WholeGraph(graph)
    # Each alone is enough: the time of edges, and a feature that is known later.
    for kept in ("cites", "paper"):
        edge_sets = {
            name: edges if name == kept else dataclasses.replace(edges, times=None)
            for name, edges in graph.edge_sets.items()
        }
        paper = graph.node_sets["paper"]
        if kept != "paper":
            features = {
                key: dataclasses.replace(feature, known_at=None)
                for key, feature in paper.features.items()
            }
            paper = dataclasses.replace(paper, features=features)
        parts = dataclasses.replace(
            graph, node_sets={**graph.node_sets, "paper": paper}, edge_sets=edge_sets
        )
        with pytest.raises(ValueError, match=kept):
            WholeGraph(parts)


def test_bad_arguments_are_refused() -> None:
    batches = WholeGraphBatches(WHOLE, SEEDS.split("train"))
    with pytest.raises(ValueError, match=r"`steps_per_epoch` of `FullGraphProvider` must be"):
        training.FullGraphProvider(batches, steps_per_epoch=0)
    nobody = WholeGraphBatches(WHOLE, SEEDS.take(np.empty(0, np.int64)))
    with pytest.raises(ValueError, match=r"`source` of `FullGraphProvider` must have seeds"):
        training.FullGraphProvider(nobody)
    with pytest.raises(ValueError, match="must bound every edge set"):
        compose(TASK, lambda spec: models.seed_attention(SPEC), SPEC.graph_spec)


def test_a_template_without_messages_reads_the_seeds_alone() -> None:
    """What `sehgnn` says of a seed does not depend on who else is one."""
    graph = propagate_features(GRAPH, "paper", hops=2)
    whole = WholeGraph(graph)
    spec = whole_graph_spec(whole, "paper")
    inputs = tf.keras.layers.Input(type_spec=spec.graph_spec)
    model = tf.keras.Model(inputs, models.sehgnn(spec, units=8)(inputs))
    few = model(whole.at("paper", tf.constant([5, 3]))).node_sets["paper"]
    assert few.sizes.numpy().tolist() == [1, 1]
    every = model(whole.at("paper", tf.range(NUM_PAPERS))).node_sets["paper"]
    states = every[tfgnn.HIDDEN_STATE].numpy()
    np.testing.assert_allclose(few[tfgnn.HIDDEN_STATE], states[[5, 3]], atol=1e-5)
    assert states.std(axis=0).max() > 0.01
