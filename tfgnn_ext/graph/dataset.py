"""A graph with the seeds of its usual task."""

from __future__ import annotations

import dataclasses

from tfgnn_ext.graph.graph import Graph
from tfgnn_ext.graph.seeds import Seeds


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A graph, and the seeds of its usual task.

    Attributes:
      graph: The graph.
      seeds: Which of its nodes are classified, with times, labels and splits.
    """

    graph: Graph
    seeds: Seeds
