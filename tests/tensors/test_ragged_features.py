"""Ragged features from the graph to the model, by both ways in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext import models, training
from tfgnn_ext.graph import Feature, Graph, Ragged, Seeds, parse_schema
from tfgnn_ext.layers import FeatureEncoder
from tfgnn_ext.sampling import (
    InMemorySampler,
    SamplingOp,
    SamplingPlan,
    Sizes,
    known_features,
    sample_schema,
    write_examples,
)
from tfgnn_ext.tensors import (
    ParseExamples,
    SampledBatches,
    SetFeatures,
    WholeGraph,
    fit_input_spec,
    vocabularies,
    whole_graph_spec,
)
from tfgnn_ext.tensors.input_spec import FeatureInput

SCHEMA = """
node_sets { key: "paper" value {
  features { key: "tags" value { dtype: DT_STRING shape { dim { size: -1 } } } }
  features { key: "marks" value { dtype: DT_FLOAT shape { dim { size: -1 } } } }
  features { key: "year" value { dtype: DT_FLOAT } }
  metadata { extra { key: "times" value: "marked" }
             extra { key: "known_at.marks" value: "marked" } } } }
edge_sets { key: "cites" value { source: "paper" target: "paper"
  features { key: "pages" value { dtype: DT_INT64 shape { dim { size: -1 } } } } } }
"""
PAPERS = 37
TAGS = ["red", "green", "blue", "old"]


@pytest.fixture(scope="module")
def data() -> tuple[Graph, Seeds]:
    random = np.random.default_rng(3)
    tags = [random.choice(TAGS, random.integers(0, 4)).tolist() for _ in range(PAPERS)]
    marks = [random.normal(size=random.integers(0, 3)).tolist() for _ in range(PAPERS)]
    ends = random.integers(0, PAPERS, (2, 90))
    paper = pa.table(
        {
            "id": np.arange(PAPERS),
            "tags": pa.array(tags, pa.list_(pa.string())),
            "marks": pa.array(marks, pa.list_(pa.float32())),
            "year": random.normal(size=PAPERS).astype(np.float32),
            "marked": random.integers(0, 100, PAPERS),
        }
    )
    pages = [random.integers(0, 9, random.integers(0, 3)).tolist() for _ in range(90)]
    cites = pa.table(
        {"source": ends[0], "target": ends[1], "pages": pa.array(pages, pa.list_(pa.int64()))}
    )
    graph = Graph.from_tables(parse_schema(SCHEMA), {"paper": paper, "cites": cites})
    table = pa.table(
        {
            "id": np.arange(PAPERS),
            "time": random.integers(20, 90, PAPERS),
            "label": ["red" in some for some in tags],
            "split": ["train"] * PAPERS,
        }
    )
    return graph, Seeds.from_table(graph, table, node_set="paper", time="time")


@pytest.fixture(scope="module")
def sampler(data: tuple[Graph, Seeds]) -> InMemorySampler:
    ops = (
        SamplingOp(name="one", edge_set="cites", fanout=3),
        SamplingOp(name="two", edge_set="cites", fanout=2, inputs=("one",)),
    )
    return InMemorySampler(data[0], SamplingPlan(seed_node_set="paper", ops=ops))


def batch(sampler: InMemorySampler, seeds: Seeds, size: int = 5) -> tfgnn.GraphTensor:
    source = SampledBatches(sampler, seeds, batch_size=size)
    positions = np.arange(size)
    dataset = source.dataset(lambda step: (positions, np.ones(size, np.float32), 0), 0, 1)
    return next(iter(dataset))[0]


def test_batches_hold_the_known_lists(data: tuple[Graph, Seeds], sampler: InMemorySampler) -> None:
    graph, seeds = data
    found = batch(sampler, seeds)
    sampled = sampler.sample(seeds.rows[:5], seeds.times[:5])
    nodes = graph.node_sets["paper"]
    expected = known_features(
        nodes.features, nodes.times, sampled.node_rows["paper"],
        sampled.times_of(sampled.node_sizes["paper"]),
    )  # fmt: skip
    part = found.node_sets["paper"]
    for name in ("tags", "marks"):
        assert isinstance(part[name], tf.RaggedTensor)
        assert part[name].to_list() == expected[name].tolist()
    known = expected["marks/known"] > 0
    # A list that is not yet known is empty, and there are such lists.
    full = nodes.features["marks"].values[sampled.node_rows["paper"]].lengths
    lengths = part["marks"].row_lengths().numpy()
    assert lengths.tolist() == np.where(known, full, 0).tolist()
    assert (full[~known] > 0).any()
    edges = graph.edge_sets["cites"].features["pages"].values[sampled.edge_rows["cites"]]
    assert found.edge_sets["cites"]["pages"].to_list() == edges.tolist()


def test_examples_parse_to_the_same_batch(
    data: tuple[Graph, Seeds], sampler: InMemorySampler
) -> None:
    graph, seeds = data
    examples = write_examples(graph, sampler.sample(seeds.rows[:5], seeds.times[:5]))
    spec = tfgnn.create_graph_spec_from_schema_pb(
        tfgnn.GraphSchema.FromString(sample_schema(sampler).SerializeToString())
    )
    theirs = tfgnn.parse_example(spec, tf.constant(examples)).merge_batch_to_components()
    vocabulary = graph.node_sets["paper"].features["tags"].vocabulary
    direct = batch(sampler, seeds)
    codes = direct.node_sets["paper"]["tags"].to_list()
    assert theirs.node_sets["paper"]["tags"].to_list() == [
        [vocabulary[code] for code in row] for row in codes
    ]
    parser = ParseExamples(sample_schema(sampler), vocabularies(sampler))
    parsed, _ = parser.parse(tf.constant(examples))
    for ours, other in (
        (direct.node_sets["paper"], parsed.node_sets["paper"]),
        (direct.edge_sets["cites"], parsed.edge_sets["cites"]),
    ):
        assert set(ours.features) == set(other.features)
        for name, values in ours.features.items():
            if isinstance(values, tf.RaggedTensor):
                assert values.to_list() == other[name].to_list()
            else:
                np.testing.assert_array_equal(values, other[name])


def test_the_encoder_reads_means_over_lists() -> None:
    features = {
        "tags": FeatureInput(kind="categorical", size=4),
        "marks": FeatureInput(kind="numeric", mean=1.0, std=2.0),
        "kind": FeatureInput(kind="categorical", size=3),
    }
    encoder = FeatureEncoder(features=features, units=2)
    lists = {
        "tags": tf.ragged.constant([[1, 3], [], [2]], dtype=tf.int32),
        "marks": tf.ragged.constant([[2.0, 4.0], [float("nan")], []]),
        "kind": tf.constant([0, 1, 2]),
    }
    encoder(lists)
    table = np.arange(14.0).reshape(7, 2)  # Four rows of tags, three of kinds.
    kernel = {v.path.split("/")[-1] if hasattr(v, "path") else v.name: v for v in encoder.weights}
    by_shape = {tuple(v.shape): v for v in kernel.values()}
    by_shape[7, 2].assign(table)
    weights = by_shape[(encoder._columns.width, 2)]
    first_column = np.zeros((encoder._columns.width, 2))
    first_column[0, 0] = 1
    weights.assign(first_column)
    # The mean of marks is 3, one deviation above the mean: (3 - 1) / 2.
    first = [1.0, 0.0]
    expected = np.array(
        [
            (table[1] + table[3]) / 2 + table[4] + first,
            table[5],
            table[2] + table[6],
        ]
    )
    np.testing.assert_allclose(encoder(lists), expected, rtol=1e-6)
    # Neither the order in a list nor what other lists hold matters.
    turned = {**lists, "tags": tf.ragged.constant([[3, 1], [0, 0], [2]], dtype=tf.int32)}
    np.testing.assert_allclose(encoder(turned)[0], expected[0], rtol=1e-6)


def test_a_template_learns_from_lists(data: tuple[Graph, Seeds], sampler: InMemorySampler) -> None:
    graph, seeds = data
    provider = training.SampledProvider(SampledBatches(sampler, seeds, batch_size=16), seed=1)
    steps = provider.dataset(0, 3)
    spec = fit_input_spec(
        [graphs for graphs, *_ in steps], steps.element_spec[0], graph, sampler.plan
    )
    assert spec.nodes["paper"]["tags"].size == len(TAGS) + 1
    network = models.graph_sage(spec, units=16, seed=0)
    hidden = tf.keras.layers.Lambda(lambda g: g.node_sets["paper"]["hidden_state"])
    model = tf.keras.Sequential([network, hidden])
    inputs = batch(sampler, seeds, PAPERS)
    starts = tf.cumsum(inputs.node_sets["paper"].sizes, exclusive=True)
    head = tf.keras.layers.Dense(2)
    optimizer = tf.keras.optimizers.Adam(0.03)
    labels = seeds.labels[:PAPERS]

    def accuracy() -> float:
        states = model(inputs)
        rows = states if states.shape[0] == PAPERS else tf.gather(states, starts)
        return float(np.mean(np.argmax(head(rows), axis=1) == labels))

    for _ in range(40):
        with tf.GradientTape() as tape:
            states = model(inputs, training=True)
            rows = states if states.shape[0] == PAPERS else tf.gather(states, starts)
            loss = tf.reduce_mean(
                tf.keras.losses.sparse_categorical_crossentropy(
                    labels, head(rows), from_logits=True
                )
            )
        variables = [*model.trainable_variables, *head.trainable_variables]
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(
            [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        )
    assert accuracy() >= 0.95  # Whether "red" is among the tags: the lists alone say it.
    assert np.mean(labels == np.bincount(labels).argmax()) < 0.8


def test_a_whole_graph_holds_the_lists() -> None:
    schema = parse_schema("""node_sets { key: "n" value {
      features { key: "tags" value { dtype: DT_STRING shape { dim { size: -1 } } } }
      features { key: "marks" value { dtype: DT_FLOAT shape { dim { size: -1 } } } } } }""")
    nodes = pa.table(
        {"id": [1, 2, 3], "tags": [["b", "a"], [], ["b"]], "marks": [[2.0], [], [4, 8]]}
    )
    whole = WholeGraph(Graph.from_tables(schema, {"n": nodes}))
    part = whole.tensor.node_sets["n"]
    assert part["tags"].to_list() == [[2, 1], [], [2]]
    spec = whole_graph_spec(whole, "n").nodes["n"]
    assert spec["tags"].size == 3
    marks = spec["marks"]
    assert [np.ravel(marks.mean).tolist(), np.ravel(marks.std).tolist()] == [[4.0], [2.0]]
    assert marks.missing


def test_codes_beyond_the_vocabulary_are_refused() -> None:
    """A lookup would read another row, or none."""
    words = np.array([b"", b"x"])
    for values in (np.array([0, 2], np.int32), Ragged.of([[0], [2]], np.int32)):
        with pytest.raises(ValueError, match=r"must be codes in \[0, 2\), .* Got 2."):
            SetFeatures({"a": Feature(values, words)}, {}, timed=False)


def test_static_sizes_are_refused(data: tuple[Graph, Seeds], sampler: InMemorySampler) -> None:
    budget = Sizes(nodes={"paper": 99}, edges={"cites": 99})
    with pytest.raises(
        ValueError, match="must be None: node set 'paper', feature '(tags|marks)', is"
    ):
        SampledBatches(sampler, data[1], batch_size=4, budget=budget)
