"""What of the flights data set becomes features, times and edges, as plain tables to extend."""

from __future__ import annotations

from typing import Any

from tfgnn_ext.graph.schema import GraphSchema, declare_feature, new_schema, set_extra

# Node set -> (numeric features, categorical features, times).
NODE_SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "flight": (
        ("distance", "duration", "departure_minute", "arrival_minute", "dep_delay", "arr_delay"),
        ("carrier", "origin", "dest", "weekday"),
        ("decision", "scheduled_departure", "scheduled_arrival", "departure", "arrival"),
    ),
    "airport": (("lat", "lon", "alt"), (), ()),
    "airline": ((), (), ()),
    "plane": (("year", "seats", "engines"), ("type", "manufacturer", "model", "engine"), ()),
    "route": ((), (), ()),
    "carrier_origin": ((), (), ()),
    "weather": (
        (
            "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure",
            "visib",
        ),
        (),
        ("reported",),
    ),
}  # fmt: skip
# Outcome of a flight -> the time at which it becomes known.
KNOWN_AT = {"dep_delay": "departure", "arr_delay": "arrival"}
# Hub -> (its node set, the column of the flight table that holds its id).
HUBS = {
    "origin": ("airport", "origin"),
    "dest": ("airport", "dest"),
    "airline": ("airline", "carrier"),
    "plane": ("plane", "tailnum"),
    "route": ("route", "route"),
    "carrier_origin": ("carrier_origin", "carrier_origin"),
}
# Clock -> the column of the flight table that it sorts a hub's flights by.
CLOCKS = {"announced": "decision", "scheduled": "scheduled_departure", "arrived": "arrival"}


def flights_schema() -> GraphSchema:
    """The schema of the flights graph.

    >>> sorted(flights_schema().node_sets)
    ['airline', 'airport', 'carrier_origin', 'flight', 'plane', 'route', 'weather']
    """
    schema = new_schema()
    for name, (numbers, strings, times) in NODE_SETS.items():
        message = schema.node_sets[name]
        message.metadata.filename = f"{name}.parquet"
        for feature in numbers:
            declare_feature(message, feature, "DT_FLOAT")
        for feature in strings:
            declare_feature(message, feature, "DT_STRING")
        if times:
            set_extra(message, {"times": ",".join(times)})
    flight = schema.node_sets["flight"]
    flight.description = "A scheduled flight from one of New York City's three airports."
    set_extra(flight, {f"known_at.{feature}": time for feature, time in KNOWN_AT.items()})
    for hub, (node_set, column) in HUBS.items():
        ends = {"source": "id", "target": column}
        if hub == "plane":
            ends["optional"] = column  # Some cancelled flights never had one.
        _edge_set(schema, f"flight_to_{hub}", "flight", node_set, "flight", ends)
        for clock, time in CLOCKS.items():
            timed = {"edge_type": "reversed", **ends, "time": time}
            _edge_set(schema, f"{hub}_{clock}", node_set, "flight", "flight", timed)
    ends = {"source": "origin", "target": "id", "time": "reported"}
    _edge_set(schema, "airport_weather", "airport", "weather", "weather", ends)
    return schema


def _edge_set(
    schema: GraphSchema, name: str, source: str, target: str, table: str, extra: dict[str, str]
) -> None:
    message: Any = schema.edge_sets[name]
    message.source, message.target = source, target
    message.metadata.filename = f"{table}.parquet"
    set_extra(message, extra)
