"""Samples of a config's seeds as a Beam job, on any runner."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tfgnn_ext.graph import SPLITS
from tfgnn_ext.graph.write_tables import write_tables
from tfgnn_ext.runner.data import Data, changes_graph, check_config, read_data, schema_of
from tfgnn_ext.runner.input_error import InputError
from tfgnn_ext.runner.loaded_config import LoadedConfig
from tfgnn_ext.runner.nearest import did_you_mean
from tfgnn_ext.runner.running import open_run
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns


@contextmanager
def sampling_job(
    config: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    split: str = "all",
    shards: int = 16,
    blocks: int | None = None,
    policy: str = "error",
    features: str = "inline",
    tables: str | None = None,
) -> Iterator[SampleSubgraphs]:
    """The transform that samples a config's seeds.

    A data set that is built in has no tables of its own: they are written while the context lasts.
    So are those of a graph that the config changes: what is served must be what was trained on.

    Args:
      config: A YAML file, or the directory of a run.
      overrides: As for `run`.
      split: A split, or "all".
      shards, blocks, policy, features: As for `SampleSubgraphs`.
      tables: Where to write such tables, so that every worker can read them; default: a temporary
        directory.

    Raises:
      InputError: The config or the data cannot be used.
    """
    if split not in (*SPLITS, "all"):
        choices = (*SPLITS, "all")
        raise InputError(
            [f"--split: must be one of {', '.join(choices)}. Got {split!r}."
             f"{did_you_mean(split, choices)}"]
        )  # fmt: skip
    loaded, _ = open_run(config, overrides=overrides)
    check_config(loaded)
    data, sampling = loaded.config.data, loaded.config.sampling
    if sampling is None:
        raise InputError([f"{loaded.source.name}: must have `sampling`. Got a full-graph config."])
    splits, link = SPLITS if split == "all" else (split,), loaded.config.link
    own, node_set = schema_of(loaded)
    with tempfile.TemporaryDirectory(prefix="tfgnn-ext-tables-") as folder:
        try:
            folder = tables or folder
            if data.dataset is not None:
                schema, seeds = _write_dataset(read_data(loaded), Path(folder))
                columns = SeedColumns(id="id", time="time", split="split", splits=splits)
            else:
                assert data.schema_ is not None
                assert data.seeds is not None
                schema, seeds = loaded.path(data.schema_), loaded.path(data.seeds.table)
                columns = SeedColumns(
                    id=data.seeds.id, time=data.seeds.time, split=data.seeds.split, splits=splits
                )
                if link is not None:
                    columns = _of_pairs(loaded, columns)
                if changes_graph(loaded.config, own, node_set):
                    schema = write_tables(read_data(loaded).graph, Path(folder))
            job = SampleSubgraphs(
                schema=schema,
                plan=sampling.build(node_set, None if link is None else link.build()),
                negatives=[] if link is None else [part.build() for part in link.negatives],
                negatives_policy=None if link is None else link.policy,
                seeds=seeds,
                seed_columns=columns,
                shards=shards,
                blocks=blocks,
                policy=policy,
                features=features,
            )
        except InputError:
            raise
        except (ValueError, OSError) as error:
            raise InputError(getattr(error, "problems", None) or [str(error)]) from None
        yield job


def _of_pairs(loaded: LoadedConfig, columns: SeedColumns) -> SeedColumns:
    """The columns of a table of pairs.

    Raises:
      InputError: The config asks for what this engine cannot do.
    """
    seeds, task = loaded.config.data.seeds, loaded.config.task
    assert seeds is not None
    assert seeds.link is not None
    if task.type != "link_prediction":
        raise InputError([f"--engine: must be memory with task {task.type}. Got 'beam'."])
    labels = loaded.config.labels
    if len(labels) > 1:
        where = loaded.source.where(("data", "seeds", "label"))
        raise InputError(
            [f"{where}: whether pairs are linked must be one column. Got {', '.join(labels)}."]
        )
    for index, part in enumerate(seeds.link.negatives):
        if part.table is not None:
            place = ("data", "seeds", "link", "negatives", index, "table")
            raise InputError(
                [f"{loaded.source.where(place)}: `table` of negatives needs --engine memory; "
                 f"`sampling.SampleSubgraphs` reads such a table as an edge set. Got {part.table}."]
            )  # fmt: skip
    return dataclasses.replace(
        columns,
        target=seeds.link.target,
        label=labels[0] if labels else None,
        readout=tuple(seeds.link.columns),
    )


def _write_dataset(found: Data, folder: Path) -> tuple[Path, Path]:
    schema = write_tables(found.graph, folder)
    seeds = found.seeds
    texts = seeds.ids.dtype.kind == "S"
    columns = {
        "id": pa.array(seeds.ids.tolist(), pa.binary()).cast(pa.string())
        if texts
        else pa.array(seeds.ids),
        "split": pa.array(np.asarray(SPLITS)[seeds.splits]),
        "time": pa.array(np.zeros(len(seeds), np.int64) if seeds.times is None else seeds.times),
    }
    pq.write_table(pa.table(columns), folder / "seeds.parquet")
    return schema, folder / "seeds.parquet"


def sample_on_beam(
    config: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    beam_options: Sequence[str] = (),
    overrides: Sequence[str] = (),
    split: str = "all",
    shards: int = 16,
    blocks: int | None = None,
    policy: str = "error",
    features: str = "inline",
    tables: str | None = None,
) -> int | None:
    """Samples seeds with Beam; the bytes are those of the in-memory engine.

    Args:
      config, overrides, split, shards, blocks, policy, features, tables: As for `sampling_job`.
      out: The directory, on any of Beam's file systems. What is in it is replaced, the manifest
        last.
      beam_options: Beam's own options, such as ``--runner=FlinkRunner``. The default runner is
        `FnApiRunner`, in this process.

    Returns:
      The number of samples, where the runner counts them; else None.

    Raises:
      InputError: The config, the data or the directory cannot be used.
    """
    options = PipelineOptions(list(beam_options))
    runner = options.view_as(StandardOptions).runner or FnApiRunner()
    with sampling_job(
        config,
        overrides=overrides,
        split=split,
        shards=shards,
        blocks=blocks,
        policy=policy,
        features=features,
        tables=tables,
    ) as job:
        pipeline = beam.Pipeline(runner=runner, options=options)
        _ = pipeline | job | WriteSamples(out, job)
        result = pipeline.run()
        result.wait_until_finish()
        return _counted(result)


def _counted(result: beam.runners.runner.PipelineResult) -> int | None:
    """The counter of components, if the runner tells it; a template has counted nothing."""
    try:
        found = result.metrics().query(beam.metrics.MetricsFilter().with_name("components"))
    except (NotImplementedError, AttributeError, ValueError):
        return None
    return sum(item.committed or item.attempted or 0 for item in found["counters"]) or None
