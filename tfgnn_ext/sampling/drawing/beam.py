"""One operation of a plan: its requests meet the blocks of its edge set, and hubs' slices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from tfgnn_ext.sampling.adjacency import Drawing, distinct
from tfgnn_ext.sampling.blocks import join, unpack
from tfgnn_ext.sampling.elements.beam import typed, united
from tfgnn_ext.sampling.hub.beam import DrawHubs, divert, drawn_edges


class DrawEdges(beam.PTransform):
    """Draws for all requests of an operation.

    Applied to a dictionary of the ``edges`` and ``requests``, and of an edge set that can have hubs
    the ``slices``, it returns the ``replies`` for the shards and, for the next operations, the
    requests that were ``reached``: a list, as Beam's Java runners refuse unions of unions.

    Args:
      drawing: The operation.
      hubs: The side input with the hubs, or None.
      blocks: How many the target node set has.
    """

    def __init__(self, drawing: Drawing, hubs: Any, blocks: int) -> None:
        super().__init__()
        self.drawing, self.hubs, self.blocks = drawing, hubs, blocks

    def expand(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Builds the graph of transforms."""
        wanted, outputs = inputs["requests"], []
        if self.hubs is not None:
            away = beam.FlatMap(divert, self.drawing.op.edge_set, self.hubs).with_outputs(
                "hubs", main="usual"
            )
            diverted = wanted | "Divert" >> away
            wanted = typed(diverted.usual)
            draw = DrawHubs(self.drawing, self.hubs, self.blocks)
            outputs.append((inputs["slices"], typed(diverted.hubs)) | "Draw hubs" >> draw)
        usual = beam.FlatMap(_draw, self.drawing, self.blocks)
        outputs.append(
            {"edges": inputs["edges"], "requests": wanted}
            | "Meet" >> beam.CoGroupByKey()
            | "Draw" >> usual.with_outputs("reached", main="replies")
        )
        return {
            "replies": united([typed(part.replies) for part in outputs], "Replies"),
            "reached": [typed(part.reached) for part in outputs],
        }


def _draw(
    group: tuple[int, Mapping[str, Iterable[bytes]]], drawing: Drawing, blocks: int
) -> Iterator[Any]:
    """Draws for all requests of one block, and routes what they reach."""
    _, found = group
    requests = [unpack(part) for part in found["requests"]]
    wanted = distinct(join(requests)) if requests else {}
    for part in found["edges"] if requests else ():
        yield from drawn_edges(drawing(unpack(part), wanted), blocks)
