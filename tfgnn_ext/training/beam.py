"""Embeddings on Beam: an exported model over samples, by RunInference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler, RunInference

from tfgnn_ext.graph import GraphSchema, protos

_INPUT, _IDS, _EMBEDDING = "examples", "ids", "embedding"


class _SavedModel(ModelHandler[bytes, tuple[Any, Any], Any]):
    """Runs what `training.export` wrote; it needs TensorFlow, and not TF-GNN."""

    def __init__(self, model: str, batch_size: int) -> None:
        super().__init__()
        self.model, self.batch_size = model, batch_size

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        # Beam 2.70's constructor takes no batch sizes yet.
        return {"min_batch_size": 1, "max_batch_size": self.batch_size}

    def load_model(self) -> Any:
        import tensorflow as tf

        return tf.saved_model.load(self.model)

    def run_inference(
        self, batch: Sequence[bytes], model: Any, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[tuple[Any, Any]]:
        import tensorflow as tf

        found = model.signatures["serving_default"](**{_INPUT: tf.constant(batch)})
        ids = found[_IDS].numpy().tolist()
        return list(zip(ids, found[_EMBEDDING].numpy(), strict=True))


class EmbedSamples(beam.PTransform):
    """From serialized samples to embeddings of their seeds: pairs of id and ``[units]`` floats.

    Args:
      model: The directory that `training.export` wrote, on any file system that TensorFlow knows.
      batch_size: The most samples of one step.
    """

    def __init__(self, model: str | os.PathLike[str], *, batch_size: int = 256) -> None:
        super().__init__()
        self.model, self.batch_size = os.fspath(model), batch_size

    def expand(self, samples: Any) -> Any:
        """Builds the graph of transforms."""
        return samples | "Embed" >> RunInference(_SavedModel(self.model, self.batch_size))


class WriteEmbeddings(beam.PTransform):
    """Writes pairs of id and embedding as Parquet, with columns ``id`` and ``embedding``.

    Args:
      prefix: What the files' names begin with, on any of Beam's file systems.
      string_ids: Whether ids are strings; else they are int64.
      shards: How many files; 0 leaves it to the runner.
    """

    def __init__(self, prefix: str, *, string_ids: bool, shards: int = 0) -> None:
        super().__init__()
        self.prefix, self.string_ids, self.shards = prefix, string_ids, shards

    def expand(self, embeddings: Any) -> Any:
        """Builds the graph of transforms."""
        kind = pa.string() if self.string_ids else pa.int64()
        schema = pa.schema({"id": kind, "embedding": pa.list_(pa.float32())})
        return (
            embeddings
            | "Row" >> beam.Map(_row)
            | "Write"
            >> beam.io.WriteToParquet(
                self.prefix, schema, file_name_suffix=".parquet", num_shards=self.shards
            )
        )


def _row(pair: tuple[Any, Any]) -> dict[str, Any]:
    id_, embedding = pair
    return {
        "id": id_.decode() if isinstance(id_, bytes) else id_,
        "embedding": np.asarray(embedding, np.float32).tolist(),
    }


def has_string_ids(schema: GraphSchema) -> bool:
    """Whether the seeds of samples of this schema have strings as ids."""
    seeds = schema.node_sets[schema.info.root_set[0]]
    return bool(seeds.features["#id"].dtype == protos.DATA_TYPES["DT_STRING"])
