"""Features once: samples that hold ids alone, and the features of all nodes beside them.

A node's features are written once, however many samples hold it, with the times at which they
become known; a sample keeps its seed's time. `FeatureStore` joins the two through `known_features`,
so that what it delivers is, byte for byte, what the samples would have held.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfgnn_ext.graph import NodeSet
from tfgnn_ext.graph.node_set import as_ids, display_id
from tfgnn_ext.graph.read_examples import read_examples
from tfgnn_ext.graph.wire import encode_columns
from tfgnn_ext.sampling.assembly import node_set_of
from tfgnn_ext.sampling.blocks import Arrays, join, route, split, take, unpack
from tfgnn_ext.sampling.examples import Columns
from tfgnn_ext.sampling.known_features import SEED_TIME, known_features
from tfgnn_ext.sampling.manifest import MANIFEST, sampled_files


def store_name(node_set: str, block: int, blocks: int) -> str:
    """The file of one block of a node set's features."""
    return f"features-{node_set}-{block:05d}-of-{blocks:05d}.block"


class FeatureStore:
    """The features beside samples that were written with ``features="once"``.

    Args:
      directory: Of a finished sampling job, on the local file system. Blocks are memory-mapped.

    Raises:
      ValueError: The job is not finished, or its samples hold their features.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        sampled_files(directory)
        manifest = json.loads((self.directory / MANIFEST).read_text(encoding="utf-8"))
        if "features" not in manifest:
            raise ValueError(
                f"`{self.directory}` must hold samples with features once. Got complete samples."
            )
        self._sets = manifest["features"]
        self._seed_set = manifest["seed_node_set"]
        self._block = functools.cache(self._open)

    def _open(self, node_set: str, block: int) -> Arrays | None:
        path = self.directory / store_name(node_set, block, self._sets[node_set]["blocks"])
        if not path.is_file():
            return None  # No id falls into it.
        return unpack(np.memmap(path, np.uint8, "r").data)  # type: ignore[arg-type]

    def nodes(self, node_set: str, ids: npt.ArrayLike) -> NodeSet:
        """The nodes with some ids, each in its row.

        Args:
          node_set: Its name.
          ids: ``[num_ids]``, in any order.

        Raises:
          ValueError: An id is unknown.
        """
        wanted = as_ids(ids)
        first = self._block(node_set, 0)  # It is always there, for the types.
        assert first is not None
        found, order = [take(first, slice(0, 0))], [np.empty(0, np.int64)]
        rows = np.arange(len(wanted))
        for block, part in split(
            {"id": wanted, "row": rows}, route(wanted, self._sets[node_set]["blocks"])
        ):
            stored = self._block(node_set, block)
            own = np.empty(0, wanted.dtype) if stored is None else stored["id"]
            places = np.asarray(np.searchsorted(own, part["id"]))
            places[places == len(own)] = 0
            known = own[places] == part["id"] if len(own) else np.zeros(len(places), np.bool_)
            if stored is None or not known.all():
                unknown = part["id"][np.argmin(known)]
                raise ValueError(
                    f"`ids` must be in the store of node set {node_set!r}. "
                    f"Got {display_id(unknown)!r}."
                )
            found.append(take(stored, places))
            order.append(part["row"])
        nodes = take(join(found), np.argsort(np.concatenate(order)))
        return node_set_of(nodes, self._sets[node_set]["known_at"])

    def complete(self, examples: Sequence[bytes]) -> list[bytes]:
        """Puts the features into samples.

        Args:
          examples: Serialized samples of this directory.

        Returns:
          What the job would have written with the features in the samples.
        """
        columns = read_examples(examples)
        out = Columns()
        for name, values in columns.items():
            out.columns.append((name.encode(), values.flat, values.splits))
        for name, described in self._sets.items():
            sizes, ids = (columns[f"nodes/{name}.{part}"].flat for part in ("#size", "#id"))
            nodes = self.nodes(name, ids)
            own = np.zeros(len(ids), np.bool_)
            own[(np.cumsum(sizes) - sizes)[sizes > 0]] = True
            times = None
            if f"context/{SEED_TIME}" in columns:
                times = np.repeat(columns[f"context/{SEED_TIME}"].flat, sizes)
            labels = tuple(described["labels"]) if name == self._seed_set else ()
            delivered = known_features(
                nodes.features, nodes.times, np.arange(len(ids)), times, labels=labels, own=own
            )
            out.add_features(f"nodes/{name}", delivered, nodes.features, sizes)
        return encode_columns(out.columns, len(examples))
