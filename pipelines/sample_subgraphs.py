"""Samples the seeds of a config on any Beam runner.

python pipelines/sample_subgraphs.py --config CONFIG --out DIRECTORY [options] [Beam's options]
"""

from __future__ import annotations

import argparse

from tfgnn_ext.runner.beam import sample_on_beam


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line and runs the job."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--config", required=True, help="a YAML file, or a run's directory")
    parser.add_argument("--out", required=True, help="a directory on any of Beam's file systems")
    parser.add_argument("--split", default="all", help="train, validation, test or all")
    parser.add_argument("--shards", type=int, default=16, help="files a split")
    parser.add_argument("--blocks", type=int, help="blocks a table; default: by its size")
    parser.add_argument("--policy", default="error", choices=("error", "drop"))
    parser.add_argument("--features", default="inline", choices=("inline", "once"))
    parser.add_argument("--tables", help="where a built-in data set's tables go")
    known, beam_options = parser.parse_known_args(arguments)
    count = sample_on_beam(**vars(known), beam_options=beam_options)
    print(f"{'' if count is None else f'{count:,} '}samples in {known.out}")


if __name__ == "__main__":
    main()
