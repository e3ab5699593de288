"""The times of a flight on one clock: int64 seconds since 1970 UTC.

The tables give clock times of two airports. The actual arrival is the actual departure plus what
the two airports' clocks say went by, modulo a day; adding the time in the air instead would leave
out taxiing, and make arrivals known half an hour before they happen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

DAY = 24 * 3600
# Daylight saving time in the United States in 2013, from 2:00 to 2:00 in New York, in UTC seconds.
_SUMMER = (1362898800, 1383458400)
# Destinations that the airports table lacks, in Puerto Rico and the Virgin Islands: UTC - 4.
_CARIBBEAN = ("BQN", "PSE", "SJU", "STT")

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


def to_seconds(column: pa.ChunkedArray) -> Int64:
    """A timestamp column as seconds since 1970 UTC, int64 ``[num_rows]``."""
    return np.asarray(column.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64()))


def to_floats(column: pa.ChunkedArray) -> Float:
    """A column of numbers as float64 ``[num_rows]``, NaN where null."""
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))


def clock_minutes(hhmm: Float) -> Float:
    """Minutes since midnight of clock times such as 1745.

    >>> clock_minutes(np.array([5.0, 1745.0])).tolist()
    [5.0, 1065.0]
    """
    return hhmm // 100 * 60 + hhmm % 100


def utc_offsets(airports: pa.Table, codes: npt.NDArray[Any], at: Int64) -> Int64:
    """The offset from UTC, in seconds, of airports at given times.

    Args:
      airports: Columns faa, tz (hours) and dst ("A": US daylight saving time; "N": none).
      codes: ``[num_rows]``, airport codes.
      at: ``[num_rows]``, seconds since 1970 UTC.

    Returns:
      int64 ``[num_rows]``.

    >>> airports = pa.table({"faa": ["JFK"], "tz": [-5], "dst": ["A"]})
    >>> at = np.array([1357041600, 1372680000])  # 1 January and 1 July, noon.
    >>> (utc_offsets(airports, np.array(["JFK", "JFK"]), at) // 3600).tolist()
    [-5, -4]
    """
    standard = dict.fromkeys(_CARIBBEAN, (-4, "N"))
    zones = zip(*(airports[name].to_pylist() for name in ("faa", "tz", "dst")), strict=True)
    standard.update({code: (hours, saves) for code, hours, saves in zones})
    distinct, inverse = np.unique(codes, return_inverse=True)
    unknown = [str(code) for code in distinct if code not in standard]
    if unknown:
        raise ValueError(
            f"flights: column 'dest' must hold airports of known time zone. Got {unknown[0]!r}."
        )
    hours = np.array([standard[code][0] for code in distinct], np.int64)[inverse]
    saves = np.array([standard[code][1] == "A" for code in distinct], np.bool_)[inverse]
    result: Int64 = (hours + (saves & (at >= _SUMMER[0]) & (at < _SUMMER[1]))) * 3600
    return result


def elapsed(start: Float, end: Float, shift: Int64) -> Float:
    """Seconds from a clock time at one airport to a clock time at another, modulo a day.

    Args:
      start, end: ``[num_rows]``, minutes since midnight; NaN where unknown.
      shift: ``[num_rows]``, UTC offset of the second airport less that of the first, in seconds.

    Returns:
      float64 ``[num_rows]``, NaN where unknown.

    >>> elapsed(np.array([1410.0]), np.array([60.0]), np.array([-3600])).tolist()  # 23:30 to 1:00.
    [9000.0]
    """
    return np.mod((end - start) * 60 - shift, DAY)


def times(values: Float) -> pa.Array:
    """Seconds as an int64 column, null where NaN."""
    known = np.isfinite(values)
    return pa.array(np.where(known, values, 0).astype(np.int64), mask=~known)
