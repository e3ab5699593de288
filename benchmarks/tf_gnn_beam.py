"""TF-GNN's own Beam sampler on a graph that `sampling_beam` wrote: the baseline.

python -m benchmarks.tf_gnn_beam FOLDER    (of `write_inputs`)
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

_SCHEMA = """
node_sets { key: "n" value { features { key: "x" value { dtype: DT_FLOAT shape {} } }
  metadata { filename: "nodes.csv" } } }
edge_sets { key: "e" value { source: "n" target: "n" metadata { filename: "edges.csv" } } }
"""
_SPEC = """
seed_op { op_name: "seed" node_set_name: "n" }
sampling_ops { op_name: "first" input_op_names: "seed" edge_set_name: "e" sample_size: 10
  strategy: RANDOM_UNIFORM }
sampling_ops { op_name: "second" input_op_names: "first" edge_set_name: "e" sample_size: 5
  strategy: RANDOM_UNIFORM }
"""


def write_inputs(graph: Path, seeds: int) -> Path:
    """The same graph as TF-GNN reads it, with the first seeds; returns the folder."""
    folder = graph / f"tf_gnn-{seeds}"
    folder.mkdir()
    for name in ("nodes", "edges"):
        table = pa.concat_tables([pq.read_table(p) for p in sorted(graph.glob(f"{name}-*"))])
        pa.csv.write_csv(table, folder / f"{name}.csv")
    pa.csv.write_csv(pq.read_table(graph / "seeds.parquet").slice(0, seeds), folder / "seeds.csv")
    (folder / "schema.pbtxt").write_text(_SCHEMA)
    (folder / "spec.pbtxt").write_text(_SPEC)
    return folder


def main(folder: str) -> None:
    """Runs the sampler on Beam's local runner, named so that it is not replaced by another."""
    import tfgnn_ext  # noqa: F401, I001  (before TensorFlow)
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_gnn.experimental.sampler.beam import sampler

    sampler._create_beam_runner = lambda name: FnApiRunner()
    sys.argv = [
        "sampler",
        f"--graph_schema={folder}/schema.pbtxt",
        f"--input_seeds={folder}/seeds.csv",
        f"--sampling_spec={folder}/spec.pbtxt",
        f"--output_samples={folder}/samples.tfrecord",
    ]
    sampler.main()


if __name__ == "__main__":
    main(sys.argv[1])
