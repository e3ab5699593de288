"""What is known of a hub without its edges."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.sampling.adjacency import FEATURE, Drawing
from tfgnn_ext.sampling.blocks import Arrays
from tfgnn_ext.sampling.weights import slice_scale, slice_weights

SLICE = 20  # A slice is numbered ``hub << SLICE | index``.
Int64 = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Hub:
    """A hub: its id, and what its slices told of themselves.

    Attributes:
      id: The source.
      starts: int64 ``[num_slices + 1]``, positions at which slices begin.
      first_times: int64 ``[num_slices]``, or empty.
      scale: What weights are multiplied with before they are rounded.
      weights: int64 ``[num_slices + 1]``, the weight before each slice.
      order: int64, the positions with the largest values, largest first (top_k).
    """

    id: Any
    starts: Int64
    first_times: Int64
    scale: float
    weights: Int64
    order: Int64


def describe_slice(drawing: Drawing, edges: Arrays) -> Arrays:
    """What one slice tells of itself."""
    count = int(edges["begin"][-1])
    told: Arrays = {"count": np.array([count])}
    if drawing.timed:
        told["first_time"] = edges["time"][:1]
    if drawing.op.by is not None:
        values = np.asarray(edges[FEATURE + drawing.op.by])
        if drawing.weighted:
            told["scale"] = np.array(
                [slice_scale(values, timed=drawing.timed, name=drawing.by_name)]
            )
        else:
            falling = ~values if values.dtype.kind in "iu" else -values
            top = np.lexsort((np.arange(count), falling))[: drawing.fanout]
            told |= {"top": top, "falling": falling[top]}
    return told


def weigh_slice(drawing: Drawing, edges: Arrays, hub: Hub) -> int:
    """The weight of one slice."""
    return int(cumulative_in(drawing, edges, hub)[-1])


def cumulative_in(drawing: Drawing, edges: Arrays, hub: Hub) -> Int64:
    """The prefix sums of one slice's weights."""
    values = edges[FEATURE + str(drawing.op.by)]
    cumulative: Int64 = np.cumsum(slice_weights(values, hub.scale, name=drawing.by_name))
    return cumulative


def know_hubs(
    drawing: Drawing, ids: npt.NDArray[Any], told: dict[int, Arrays], weights: dict[int, int]
) -> list[Hub]:
    """Puts together what the slices told.

    Args:
      ids: Of the hubs.
      told: By slice, what `describe_slice` returned.
      weights: By slice, its weight, once it is known.
    """
    hubs = []
    for number, id_ in enumerate(ids):
        names = sorted(name for name in told if name >> SLICE == number)
        parts = [told[name] for name in names]
        if names and names[0] != number << SLICE:  # No edge is before the first splitter.
            nothing: Arrays = {"count": np.array([0])}
            if drawing.timed:
                nothing["first_time"] = np.array([np.iinfo(np.int64).min])
            names, parts = [number << SLICE, *names], [nothing, *parts]
        starts = np.cumsum([0, *(int(part["count"][0]) for part in parts)])
        scales = [float(part["scale"][0]) for part in parts if "scale" in part]
        # Timed: the scale of the first slice with a weight; else of the largest weight.
        real = [scale for scale in scales if scale > 0]
        scale = (real[0] if drawing.timed else min(real)) if real else 1.0
        order = np.empty(0, np.int64)
        if parts and "top" in parts[-1]:
            pairs = zip(parts, starts[:-1], strict=True)
            top = np.concatenate([p["top"] + start for p, start in pairs if "top" in p])
            falling = np.concatenate([part["falling"] for part in parts if "top" in part])
            order = top[np.lexsort((top, falling))][: drawing.fanout]
        hubs.append(
            Hub(
                id_,
                starts,
                np.concatenate([p["first_time"] for p in parts]) if drawing.timed else starts[:0],
                scale,
                np.cumsum([0, *(weights.get(name, 0) for name in names)]),
                order,
            )
        )
    return hubs
