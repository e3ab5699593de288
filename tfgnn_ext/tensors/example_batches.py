"""Files of sampled subgraphs as training batches, whichever sampler wrote them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgnn_ext.graph import EdgeSet, Feature, Graph, GraphSchema, NodeSet, Ragged, Seeds
from tfgnn_ext.sampling import FeatureStore, RecordFile, SamplingPlan, read_examples
from tfgnn_ext.tensors.fit_input_spec import fit_input_spec
from tfgnn_ext.tensors.graph_tensors import ID
from tfgnn_ext.tensors.input_spec import InputSpec
from tfgnn_ext.tensors.parse_examples import ParseExamples
from tfgnn_ext.tensors.sampled_batches import Choice

_CHUNK = 1024  # Records that are scanned at once.
_STRING = 7  # tensorflow.DataType
Vocabularies = dict[tuple[str, str], npt.NDArray[Any]]


class ExampleBatches:
    """Datasets of ``(graph, label, weight)`` over the tf.Examples of TFRecord files.

    Each record is one component with its seed as the first node, as TF-GNN's samplers and
    `sampling.write_examples` write them. A batch is a pure function of its step, as of
    `SampledBatches`: records are read where they stand. The files are scanned once, for the labels
    and for the vocabulary of each string feature (and of the ids of node sets without features).

    Args:
      schema: What the records hold. `sampling.sample_schema` of our samples; of TF-GNN's, the
        schema of its input, less what it did not write.
      files: The TFRecord files.
      label: The feature of the seed node set that holds the class, as an int or a string. It is
        read at the seed and taken out of the graph.
      batch_size: Seeds a batch.
      node_set: The seed node set; default: the schema's ``info.root_set``.
      store: The features beside samples of ids (``features="once"``); they are joined to what is
        read, as if the records held them.
      like: Batches whose vocabularies and classes these share: those of training, for validation.

    Attributes:
      seeds: One a record: labels and classes; rows are the numbers of the records.

    Raises:
      ValueError: A record is damaged, or a seed has no label.
    """

    def __init__(
        self,
        schema: GraphSchema,
        files: Sequence[str | os.PathLike[str]],
        *,
        label: str,
        batch_size: int,
        node_set: str | None = None,
        store: FeatureStore | None = None,
        like: ExampleBatches | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` of `ExampleBatches` must be an int >= 1. Got {batch_size}."
            )
        self.schema = type(schema).FromString(schema.SerializeToString())
        if node_set is not None:
            self.schema.info.root_set[:] = [node_set]
        roots = list(self.schema.info.root_set)
        if len(roots) != 1 or roots[0] not in self.schema.node_sets:
            known = ", ".join(sorted(self.schema.node_sets))
            raise ValueError(
                f"`node_set` of `ExampleBatches` must be a node set ({known}) where the schema "
                f"names none. Got {', '.join(roots) or 'none'}."
            )
        self._node_set, self._label = roots[0], label
        if label not in self.schema.node_sets[self._node_set].features:
            known = ", ".join(sorted(self.schema.node_sets[self._node_set].features)) or "none"
            raise ValueError(
                f"`label` of `ExampleBatches` must be a feature of {self._node_set!r} ({known}). "
                f"Got {label!r}."
            )
        self.batch_size = batch_size
        self._store = store
        self._files = [RecordFile(path) for path in files]
        self._ends = np.cumsum([0, *map(len, self._files)])
        labels, ids, vocabularies = self._scan()
        self.vocabularies: Vocabularies = vocabularies if like is None else like.vocabularies
        self.seeds: Seeds = self._seeds(labels, ids, None if like is None else like.seeds.classes)
        self._parser = ParseExamples(self.schema, self.vocabularies)
        self._labels = tf.constant(self.seeds.labels)

    def dataset(self, choose: Callable[[int], Choice], start: int, stop: int) -> tf.data.Dataset:
        """Batches of the steps ``start .. stop - 1``; see `SampledBatches.dataset`.

        The epoch of a choice is not used: files hold one sample a seed.
        """

        def read(step: np.int64) -> tuple[npt.NDArray[Any], ...]:
            positions, weights, _ = choose(int(step))
            records = np.array(self._whole(self._records(positions)), object)
            return records, positions.astype(np.int32), weights.astype(np.float32)

        def batch(step: tf.Tensor) -> tuple[tfgnn.GraphTensor, tf.Tensor, tf.Tensor]:
            records, positions, weights = tf.numpy_function(
                read, [step], (tf.string, tf.int32, tf.float32), stateful=False
            )
            for part in (records, positions, weights):
                part.set_shape([self.batch_size])
            graph = self._parser.graph(records)
            features = graph.node_sets[self._node_set].get_features_dict()
            del features[self._label]
            graph = graph.replace_features(node_sets={self._node_set: features})
            return graph, tf.gather(self._labels, positions), weights

        return (
            tf.data.Dataset.range(start, stop)
            .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .prefetch(2)
        )

    def input_spec(self, batches: int = 24) -> InputSpec:
        """What a template needs to know, fitted to the first batches; see `fit_input_spec`."""
        size, number = self.batch_size, len(self.seeds)

        def choose(step: int) -> Choice:
            positions = np.arange(step * size, (step + 1) * size) % number
            return positions, np.ones(size, np.float32), 0

        data = self.dataset(choose, 0, max(1, min(batches, number // size)))
        plan = SamplingPlan(seed_node_set=self._node_set)
        graphs = [graph for graph, *_ in data]
        return fit_input_spec(graphs, data.element_spec[0], self._empty_graph(), plan)

    def _records(self, positions: npt.NDArray[np.integer]) -> list[bytes]:
        files = np.searchsorted(self._ends, positions, side="right") - 1
        return [
            self._files[file].read([int(position - self._ends[file])])[0]
            for file, position in zip(files.tolist(), positions.tolist(), strict=True)
        ]

    def _whole(self, records: list[bytes]) -> list[bytes]:
        """Records with the features of their nodes."""
        return records if self._store is None else self._store.complete(records)

    def _scan(self) -> tuple[list[Any], list[Any], Vocabularies]:
        root = f"nodes/{self._node_set}."
        labels: list[Any] = []
        ids: list[Any] = []
        found: dict[tuple[str, str], set[Any]] = {
            key: set() for key in _coded(self.schema) if key != (self._node_set, self._label)
        }
        for path, file in ((file.path, file) for file in self._files):
            for begin in range(0, len(file), _CHUNK):
                chunk = range(begin, min(begin + _CHUNK, len(file)))
                try:
                    columns = read_examples(self._whole(file.read(chunk)))
                except ValueError as error:
                    raise ValueError(f"{path}, records from {begin}: {error}") from None
                empty = Ragged.from_lengths(np.empty(0, np.int64), np.zeros(len(chunk), int))
                column = columns.get(root + self._label, empty)
                lacking = np.flatnonzero(column.lengths == 0)
                if len(lacking):
                    raise ValueError(
                        f"{path}, record {begin + lacking[0]}: the seed must have a label "
                        f"{self._label!r}. Got none."
                    )
                labels += column.flat[column.splits[:-1]].tolist()
                own = columns.get(root + ID, empty)
                if (own.lengths > 0).all():
                    ids += own.flat[own.splits[:-1]].tolist()
                for (name, feature), values in found.items():
                    kind = "nodes" if name in self.schema.node_sets else "edges"
                    if f"{kind}/{name}.{feature}" in columns:
                        values.update(np.unique(columns[f"{kind}/{name}.{feature}"].flat).tolist())
        vocabularies = {
            key: _vocabulary(values, with_missing=key[1] != ID) for key, values in found.items()
        }
        return labels, ids if len(ids) == len(labels) else list(range(len(labels))), vocabularies

    def _seeds(self, labels: list[Any], ids: list[Any], known: tuple[str, ...] | None) -> Seeds:
        values = np.array(labels)
        if values.dtype.kind not in "iS":
            raise ValueError(
                f"`label` of `ExampleBatches` must hold ints or strings. Got {values.dtype}."
            )
        named = {value: _text(value) for value in np.unique(values).tolist()}
        classes = tuple(named.values()) if known is None else known
        codes = {value: classes.index(name) for value, name in named.items() if name in classes}
        if len(codes) < len(named):
            lost = sorted(set(named.values()) - set(classes))
            raise ValueError(
                f"`label` of `ExampleBatches` must hold the classes of `like` "
                f"({', '.join(classes)}). Got {lost[0]!r}."
            )
        return Seeds(
            node_set=self._node_set,
            rows=np.arange(len(labels), dtype=np.int32),
            times=None,
            labels=np.array([codes[value] for value in values.tolist()], np.int32),
            classes=classes,
            splits=np.zeros(len(labels), np.int8),
            ids=np.array(ids),
        )

    def _empty_graph(self) -> Graph:
        """A graph without nodes but with the vocabularies, for `fit_input_spec`."""

        def features(name: str) -> dict[str, Feature]:
            return {
                feature: Feature(np.empty(0, np.int32), words)
                for (owner, feature), words in self.vocabularies.items()
                if owner == name and feature != ID
            }

        node_sets = {
            name: NodeSet(self.vocabularies.get((name, ID), np.empty(0, "S1")), features(name))
            for name in self.schema.node_sets
        }
        edge_sets = {
            name: EdgeSet(
                part.source,
                part.target,
                np.zeros(1, np.int64),
                np.empty(0, np.int32),
                features=features(name),
            )
            for name, part in self.schema.edge_sets.items()
        }
        return Graph(self.schema, node_sets, edge_sets)


def _coded(schema: GraphSchema) -> list[tuple[str, str]]:
    """The string features, and the ids of node sets that have nothing else."""
    found = []
    for sets in (schema.node_sets, schema.edge_sets):
        for name, part in sorted(sets.items()):
            names = sorted(key for key in part.features if key != ID)
            found += [(name, key) for key in names if part.features[key].dtype == _STRING]
            if not names and ID in part.features:
                found.append((name, ID))
    return found


def _vocabulary(values: set[Any], *, with_missing: bool) -> npt.NDArray[Any]:
    if with_missing:
        values = values | {b""}
    words = sorted(values)
    return np.array(words) if words else np.empty(0, "S1")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
