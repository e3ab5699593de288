"""What stages share: the config, the directory, and what was read already."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfgnn_ext.runner.config import RunConfig
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig
from tfgnn_ext.runner.progress import Progress
from tfgnn_ext.runner.run_directory import RunDirectory

if TYPE_CHECKING:
    from tfgnn_ext.runner.data import Data
    from tfgnn_ext.sampling import InMemorySampler, NegativeSampler
    from tfgnn_ext.tensors import WholeGraph


class Context:
    """A run that is under way.

    Args:
      loaded: Its config.
      directory: Where its results go.
      progress: Where it says what it does.
      notes: Texts by file name that go to the directory with the first results of a run.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        directory: RunDirectory,
        progress: Progress,
        *,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self.loaded = loaded
        self.directory = directory
        self.progress = progress
        self._notes = dict(notes or {})

    def write_notes(self) -> None:
        """Writes the notes, once."""
        while self._notes:
            self.directory.write_text(*self._notes.popitem())

    @property
    def config(self) -> RunConfig:
        """What the config says."""
        return self.loaded.config

    @functools.cached_property
    def data(self) -> Data:
        """The graph and the seeds, memory-mapped where the run keeps its own."""
        from tfgnn_ext.runner.data import read_data, reopen_data

        if self.directory.has("graph"):
            return reopen_data(self.loaded, self.directory.path)
        return read_data(self.loaded)

    @property
    def full_graph(self) -> bool:
        """Whether every step sees the whole graph, instead of samples."""
        return self.config.sampling is None

    @functools.cached_property
    def sampler(self) -> InMemorySampler:
        """The plan on the graph.

        Raises:
          InputError: The run is in full-graph mode.
        """
        from tfgnn_ext.sampling import InMemorySampler

        if self.config.sampling is None:
            raise InputError(["`sampling` must be given to draw samples. Got none."])
        link = self.config.link
        plan = self.config.sampling.build(
            self.data.seeds.node_set, None if link is None else link.build()
        )
        return InMemorySampler(self.data.graph, plan)

    @property
    def negatives(self) -> NegativeSampler | None:
        """What draws negative pairs, if a config asks for such."""
        return self.data.negatives

    @functools.cached_property
    def whole_graph(self) -> WholeGraph:
        """The graph as one tensor.

        Raises:
          InputError: It differs from time to time.
        """
        from tfgnn_ext.tensors import WholeGraph

        try:
            return WholeGraph(self.data.graph)
        except ValueError as error:
            raise InputError([f"{self.loaded.title}: {error}"]) from None

    @property
    def timed(self) -> bool:
        """Whether what a seed sees depends on its time."""
        return not self.full_graph and self.sampler.timed
