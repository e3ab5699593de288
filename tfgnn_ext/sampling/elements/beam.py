"""What flows between the steps of a job: blocks of rows with the number of their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

Block = tuple[int, bytes]


def typed(blocks: Any, kind: Any = Block) -> Any:
    """Tells Beam the type of a tagged output, whose coder would pickle otherwise."""
    blocks.element_type = beam.typehints.typehints.normalize(kind)
    return blocks


def given(pipeline: Any, items: Sequence[Any], label: str, kind: Any = Any) -> Any:
    """A collection of what is known before the job: fewer steps than `beam.Create`."""
    begin = pipeline | f"{label}: begin" >> beam.Impulse()
    return begin | label >> beam.FlatMap(lambda _: items).with_output_types(kind)


def united(parts: list[Any], label: str) -> Any:
    """Some collections as one.

    Beam's Java runners lose collections that several unions read: each union gets its own.
    """
    if len(parts) == 1:
        return parts[0]
    own = [
        part | f"{label} {number}" >> beam.Map(_same).with_output_types(part.element_type)
        for number, part in enumerate(parts)
    ]
    return own | label >> beam.Flatten()


def _same(row: Any) -> Any:
    return row


def count(name: str, number: int) -> None:
    """Adds to one of the job's counters."""
    if number:
        Metrics.counter("tfgnn_ext.sampling", name).inc(number)
