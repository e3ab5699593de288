"""Nothing after the decision time reaches a sample or a prediction of the flights job.

The future is rewritten: every outcome not yet known at T, values and times; flights that are not
yet announced are added and removed; flights that have not left are cancelled. Samples and
predictions of all seeds with decision times up to T must not change by a byte. Two deliberate
leaks, one of values and one of times alone, must be caught by the same comparison.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tfgnn_ext  # noqa: F401  (before TensorFlow)
from tfgnn_ext.graph import Graph, GraphSchema, Seeds
from tfgnn_ext.graph.datasets.flights import build_tables, read_raw
from tfgnn_ext.runner.loaded_config import load_config
from tfgnn_ext.sampling import InMemorySampler, write_examples

CONFIG = Path(__file__).parents[1] / "examples" / "flights.yaml"
DAY = 86_400
BEGIN = 1362096000  # 1 March 2013, 0:00 UTC.
NOW = BEGIN + 9 * DAY + 20 * 3600  # T: an afternoon in New York, with flights in every state.

Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def world() -> tuple[GraphSchema, Tables]:
    """Twelve days of flights."""
    schema, tables = build_tables(read_raw())
    flight = tables["flight"]
    scheduled = np.asarray(flight["scheduled_departure"])
    kept = flight.filter(pa.array((scheduled >= BEGIN) & (scheduled < BEGIN + 12 * DAY)))
    return schema, with_flights(tables, kept)


def with_flights(tables: Tables, flight: pa.Table) -> Tables:
    old = tables["flight"]
    return {name: flight if table is old else table for name, table in tables.items()}


def column(flight: pa.Table, name: str) -> np.ndarray:
    return np.asarray(flight[name].cast(pa.float64()).to_numpy(zero_copy_only=False)).copy()


def rewritten(flight: pa.Table, seed: int) -> pa.Table:
    """The same past up to NOW, another future."""
    random = np.random.default_rng(seed)
    size = len(flight)
    departure, arrival = column(flight, "departure"), column(flight, "arrival")
    dep_delay, arr_delay = column(flight, "dep_delay"), column(flight, "arr_delay")
    # What a comparison with NaN says is False: cancelled flights are "not yet known" for ever.
    leaves, lands = ~(departure <= NOW), ~(arrival <= NOW)
    assert leaves.sum() > 1000
    assert (lands & ~leaves).sum() > 20, "there must be flights in the air"
    shift = random.integers(1, 200, size) * 60.0
    departure[leaves] = np.maximum(departure[leaves], NOW) + shift[leaves]
    dep_delay[leaves] = random.normal(30, 60, leaves.sum())
    arrival[lands] = np.maximum(arrival[lands], NOW) + 2 * shift[lands]
    arr_delay[lands] = random.normal(30, 60, lands.sum())
    cancelled = leaves & (random.random(size) < 0.2)
    for values in (departure, arrival, dep_delay, arr_delay):
        values[cancelled] = np.nan
    flight = flight.drop_columns(["departure", "arrival", "dep_delay", "arr_delay"])
    for name, values, kind in (
        ("departure", departure, pa.int64()),
        ("arrival", arrival, pa.int64()),
        ("dep_delay", dep_delay, pa.float64()),
        ("arr_delay", arr_delay, pa.float64()),
    ):
        missing = ~np.isfinite(values)
        whole = pa.array(np.where(missing, 0, values), mask=missing)
        flight = flight.append_column(name, whole.cast(kind, safe=False))
    announced = column(flight, "decision") <= NOW
    removed = ~announced & (random.random(size) < 0.3)
    later = flight.filter(pa.array(~announced)).slice(0, 200)
    ids = [f"{value}-added" for value in later["id"].to_pylist()]
    added = later.set_column(later.column_names.index("id"), "id", pa.array(ids))
    parts = [flight.filter(pa.array(~removed)), added]
    mixed = pa.concat_tables(parts)
    return mixed.take(pa.array(random.permutation(len(mixed))))


def sampled(
    schema: GraphSchema, tables: Tables, ids: list[bytes] | None = None
) -> tuple[InMemorySampler, Seeds, list[bytes]]:
    graph = Graph.from_tables(schema, {n: t for n, t in tables.items() if n != "seeds"})
    plan = load_config(CONFIG).config.sampling.build("flight")
    sampler = InMemorySampler(graph, plan)
    flight = tables["flight"]
    table = pa.table(
        {
            "id": flight["id"],
            "time": flight["decision"],
            "label": np.arange(len(flight)) % 2,
            "split": pa.array(["test"] * len(flight)),
        }
    )
    seeds = Seeds.from_table(graph, table, node_set="flight", time="time")
    if ids is None:
        recent = (seeds.times <= NOW) & (seeds.times > NOW - 4 * 3600)
        chosen = np.flatnonzero(recent)[:400]
    else:
        position = {value: index for index, value in enumerate(seeds.ids.tolist())}
        chosen = np.array([position[value] for value in ids])
    seeds = seeds.take(chosen)
    batch = sampler.sample(seeds.rows, seeds.times)
    return sampler, seeds, write_examples(graph, batch)


def test_the_future_changes_no_sample_and_no_prediction(world: tuple[GraphSchema, Tables]) -> None:
    schema, tables = world
    sampler, seeds, before = sampled(schema, tables)
    assert len(before) >= 200
    other, _, after = sampled(
        schema, with_flights(tables, rewritten(tables["flight"], 1)), seeds.ids.tolist()
    )
    assert len(other.graph.node_sets["flight"].ids) != len(sampler.graph.node_sets["flight"].ids)
    assert after == before
    np.testing.assert_array_equal(predictions(sampler, before), predictions(sampler, after))


def predictions(sampler: InMemorySampler, examples: list[bytes]) -> np.ndarray:
    """Of a model with random weights, whose every input counts."""
    import tensorflow as tf

    from tfgnn_ext.models import seed_attention
    from tfgnn_ext.sampling import sample_schema
    from tfgnn_ext.tensors import ParseExamples, fit_input_spec, vocabularies

    parser = ParseExamples(sample_schema(sampler), vocabularies(sampler))
    graph, _ = parser.parse(tf.constant(examples))
    spec = fit_input_spec([graph], graph.spec, sampler.graph, sampler.plan)
    states = seed_attention(spec, units=16, num_heads=2)(graph)
    return states.node_sets["flight"].features["hidden_state"].numpy()


def test_arrival_delays_shown_at_departure_are_caught(world: tuple[GraphSchema, Tables]) -> None:
    """The control for values: a departed neighbour's arrival delay."""
    schema, tables = world
    leaky = type(schema).FromString(schema.SerializeToString())
    for item in leaky.node_sets["flight"].metadata.extra:
        if item.key == "known_at.arr_delay":
            item.value = "departure"
    _, seeds, before = sampled(leaky, tables)
    future = with_flights(tables, rewritten(tables["flight"], 1))
    assert sampled(leaky, future, seeds.ids.tolist())[2] != before


def test_ages_of_outcomes_not_yet_known_are_caught(world: tuple[GraphSchema, Tables]) -> None:
    """The control for times: the same arrival time under a name that masks no feature."""
    schema, tables = world
    leaky = type(schema).FromString(schema.SerializeToString())
    flight = leaky.node_sets["flight"]
    times = next(item for item in flight.metadata.extra if item.key == "times")
    times.value += ",landing"

    def landing(table: Tables) -> Tables:
        found = table["flight"]
        return with_flights(table, found.append_column("landing", found["arrival"]))

    _, seeds, before = sampled(leaky, landing(tables))
    future = with_flights(tables, rewritten(tables["flight"], 1))
    assert sampled(leaky, landing(future), seeds.ids.tolist())[2] != before
