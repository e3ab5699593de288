"""Columns for gradient boosting on flights, joined by hand: what a careful analyst would write.

Nothing here is known later than a flight's decision time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import Graph, Seeds

Ints = npt.NDArray[np.integer[Any]]
WINDOW = 4 * 3600  # Seconds over which recent delays are averaged.
_SPAN = 1 << 34  # More than any time of the data set, in seconds since 1970.


def columns(graph: Graph, seeds: Seeds) -> dict[str, npt.NDArray[Any]]:
    """Each flight's own row, its weather, its plane's previous leg, and recent delays.

    Args:
      graph: The flights graph.
      seeds: Flights, with their decision times.

    Returns:
      By name, ``[num_seeds]``: ints are categories, floats numbers with NaN where missing.
    """
    flight, rows, now = graph.node_sets["flight"], seeds.rows, seeds.times
    assert now is not None
    found: dict[str, npt.NDArray[Any]] = {}
    for name in ("carrier", "origin", "dest", "weekday"):
        found[name] = flight.features[name].values[rows]
    for name in ("departure_minute", "arrival_minute", "duration", "distance"):
        found[name] = flight.features[name].values[rows]

    origin = _hub(graph, "flight_to_origin", rows)
    record = _latest(graph, "airport_weather", origin, now)
    for name, feature in graph.node_sets["weather"].features.items():
        found[f"weather.{name}"] = np.where(record >= 0, feature.values[record], np.nan)

    own_departure = flight.times["scheduled_departure"][rows]
    leg = _latest(graph, "plane_scheduled", _hub(graph, "flight_to_plane", rows), own_departure - 1)
    departed = (leg >= 0) & (flight.times["departure"][leg] <= now)
    landed = (leg >= 0) & (flight.times["arrival"][leg] <= now)
    for name, known in (("dep_delay", departed), ("arr_delay", landed)):
        found[f"plane.{name}"] = np.where(known, flight.features[name].values[leg], np.nan)
    turn = own_departure - flight.times["scheduled_arrival"][leg]
    found["plane.turnaround"] = np.where(leg >= 0, turn, np.nan)
    overdue = now - flight.times["scheduled_departure"][leg]
    found["plane.overdue"] = np.where((leg >= 0) & ~departed, overdue, np.nan)

    for hub in ("origin", "dest", "airline"):
        mean, count = _recent_delay(
            graph, f"{hub}_arrived", _hub(graph, f"flight_to_{hub}", rows), now
        )
        found[f"{hub}.recent_delay"], found[f"{hub}.recent_count"] = mean, count
    return found


def _hub(graph: Graph, edge_set: str, rows: Ints) -> Ints:
    """The only target of each source; -1 without one."""
    edges = graph.edge_sets[edge_set]
    has = edges.indptr[rows] < edges.indptr[rows + 1]
    return np.where(has, edges.targets[np.minimum(edges.indptr[rows], edges.num_edges - 1)], -1)


def _ends(graph: Graph, edge_set: str, sources: Ints, times: Ints) -> Ints:
    """How many edges come before (source, time], over the whole edge set in its order."""
    edges = graph.edge_sets[edge_set]
    assert edges.times is not None
    keys = edges.source_rows * np.int64(_SPAN) + np.minimum(edges.times, _SPAN - 1)
    return np.searchsorted(keys, sources * np.int64(_SPAN) + times, side="right")


def _latest(graph: Graph, edge_set: str, sources: Ints, times: Ints) -> Ints:
    """The target of each source's latest edge by `times`; -1 without one."""
    edges = graph.edge_sets[edge_set]
    end = _ends(graph, edge_set, sources, times)
    has = (sources >= 0) & (end > edges.indptr[np.maximum(sources, 0)])
    return np.where(has, edges.targets[np.maximum(end - 1, 0)], -1)


def _recent_delay(
    graph: Graph, edge_set: str, sources: Ints, now: Ints
) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[np.floating[Any]]]:
    """The mean and number of the arrival delays that became known in the last hours."""
    edges = graph.edge_sets[edge_set]
    delays = graph.node_sets["flight"].features["arr_delay"].values[edges.targets]
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(delays), dtype=np.float64)])
    number = np.concatenate([[0], np.cumsum(np.isfinite(delays))])
    start = _ends(graph, edge_set, sources, now - WINDOW)
    end = _ends(graph, edge_set, sources, now)
    count = np.where(sources >= 0, number[end] - number[start], 0)
    mean = (total[end] - total[start]) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan), count.astype(np.float32)
