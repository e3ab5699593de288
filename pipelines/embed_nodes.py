"""Embeds nodes with an exported model on any Beam runner: from samples, or sampling as it goes.

python pipelines/embed_nodes.py --model RUN/model --samples DIRECTORY --out PREFIX [Beam's options]
python pipelines/embed_nodes.py --model RUN/model --config CONFIG --out PREFIX [Beam's options]
"""

from __future__ import annotations

import argparse
import contextlib
import operator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tfgnn_ext.graph import parse_schema
from tfgnn_ext.runner.beam import sampling_job
from tfgnn_ext.sampling.beam import read_samples, read_text
from tfgnn_ext.training.beam import EmbedSamples, WriteEmbeddings, has_string_ids


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line and runs the job."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--model", required=True, help="an exported model")
    parser.add_argument("--out", required=True, help="what the Parquet files' names begin with")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--samples", help="the directory of a finished sampling job")
    source.add_argument("--config", help="a config or a run, whose seeds are sampled")
    parser.add_argument("--split", default="all", help="with --config: whose seeds")
    parser.add_argument("--shards", type=int, default=16, help="with --config: pieces of the work")
    known, rest = parser.parse_known_args(arguments)
    options = PipelineOptions(rest)
    runner = options.view_as(StandardOptions).runner or FnApiRunner()
    with contextlib.ExitStack() as stack:
        if known.samples is not None:
            schema = parse_schema(read_text(f"{known.samples}/schema.pbtxt"))
            pipeline = stack.enter_context(beam.Pipeline(runner=runner, options=options))
            samples = read_samples(pipeline, known.samples)
        else:
            job = stack.enter_context(
                sampling_job(known.config, split=known.split, shards=known.shards)
            )
            schema = job.sample_schema
            pipeline = stack.enter_context(beam.Pipeline(runner=runner, options=options))
            samples = pipeline | job | beam.FlatMap(operator.attrgetter("records"))
        found = samples | EmbedSamples(known.model)
        _ = found | WriteEmbeddings(known.out, string_ids=has_string_ids(schema))


if __name__ == "__main__":
    main()
