"""Every engine writes the in-memory engine's bytes; a killed worker costs time, not bytes.

Run by ``make engines``. A directory in $TFGNN_EXT_ENGINES keeps the engines' jars; Prism's binary
is found at $TFGNN_EXT_PRISM. Without Java, Maven or the binary, the tests of that engine skip.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.beam import test_links as links
from tests.beam.shops import PLAN, expected, write_shop, written
from tfgnn_ext.sampling import SamplingOp, SamplingPlan

ROOT = Path(__file__).parents[2]
_KEPT = Path(tempfile.gettempdir()) / "tfgnn-ext-engines"  # Where the jars are, if nowhere else.
ENGINE = [sys.executable, str(ROOT / "engines" / "engine.py")]
# The tests' own steps are looked for in the checkout.
_WORKER = {
    "command": str(ROOT / "engines" / "boot.sh"),
    "env": {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
}
PROCESS = [
    "--environment_type=PROCESS",
    f"--environment_config={json.dumps(_WORKER)}",
    "--environment_cache_millis=60000",
]
pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

LINKS = "reversed"  # Pairs: every kind of negatives, weighted and top_k draws.

# Hubs: every way that draws end. Each operation at hubs is a dozen stages: a few show them all, and
# `PLAN` has every strategy without.
HUBS = SamplingPlan(
    seed_node_set="user",
    ops=(
        SamplingOp(name="a", edge_set="likes", fanout=4),
        SamplingOp(name="b", edge_set="bought", fanout=20, strategy="weighted", by="weight"),
        SamplingOp(
            name="c",
            edge_set="liked_by",
            fanout=2,
            strategy="top_k",
            by="weight",
            inputs=("a", "b"),
        ),
    ),
    seed=7,
)

# The job as a user runs it: a process of its own.
_JOB = """
import json, sys
from pathlib import Path
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from tests.beam.shops import PLAN
from tests.beam import test_links as links
from tests.engines.slow import wait_a_while
from tests.engines.test_engines import HUBS
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns

schema, pairs, kind, out, seconds, *flags = sys.argv[1:]
sampling = SampleSubgraphs(
    schema=schema, plan=HUBS if pairs else PLAN, seeds=Path(schema).parent / "seeds-*.parquet",
    seed_columns=SeedColumns(time="when"), shards=3, blocks=4, hub_edges=20 if pairs else 1000,
)
with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
    shards = pipeline | sampling
    if float(seconds):
        shards = shards | "Slowly" >> beam.Map(wait_a_while, float(seconds), out)
    shards | WriteSamples(out, sampling)
    if pairs:
        sampling = SampleSubgraphs(
            schema=pairs, plan=links.PLANS[kind], seeds=Path(pairs).parent / "seeds-*.parquet",
            negatives=links.NEGATIVES[kind], tables={"t": "hard"}, seed_columns=links.COLUMNS,
            policy="drop", shards=3, blocks=4,
        )
        pipeline | "Links" >> sampling | "Write links" >> WriteSamples(out + "-links", sampling)
"""


def write_graph(folder: Path) -> Path:
    """Strings, features of 1,000 floats, and a source that is a hub by the job's `hub_edges`."""
    return write_shop(folder, width=1000)


def job(
    schema: Path, pairs: Path | str, out: Path, *flags: str, seconds: float = 0
) -> subprocess.Popen[bytes]:
    told = map(str, (schema, pairs, LINKS, out, seconds))
    command = [sys.executable, "-c", _JOB, *told, *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment)


@contextmanager
def engine(name: str) -> Iterator[Path]:
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("Java and Maven are not installed.")
    folder = Path(os.environ.get("TFGNN_EXT_ENGINES") or _KEPT) / name
    subprocess.run([*ENGINE, "start", name, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*ENGINE, "stop", name, str(folder)], check=True)


def check(schema: Path, out: Path, *flags: str) -> None:
    pairs = links.write_pairs(out.parent / "pairs", LINKS, order=1, shards=2)
    links.hard(pairs)
    assert job(schema, pairs, out, *flags).wait() == 0
    assert written(out) == expected(schema, HUBS)
    assert written(out.parent / f"{out.name}-links") == links.expected(pairs, LINKS)


def kill_in_mid_job(schema: Path, out: Path, pids: list[int], *flags: str) -> None:
    """Kills processes once the first shard is under way; the job must finish as if nothing was."""
    process = job(schema, "", out, *flags, seconds=4)
    end = time.monotonic() + 240
    while not list(out.parent.glob("begun-*")):
        assert process.poll() is None, "the job ended before it was disturbed"
        assert time.monotonic() < end
        time.sleep(0.2)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert not (out / "manifest.json").exists()
    assert process.wait(timeout=400) == 0
    assert written(out) == expected(schema, PLAN)


def test_a_portable_job_service_with_a_fresh_worker(tmp_path: Path) -> None:
    schema = write_graph(tmp_path / "graph")
    service = subprocess.Popen(
        [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main",
         "--port=8299"], cwd=ROOT,
    )  # fmt: skip
    try:
        flags = ["--runner=PortableRunner", "--job_endpoint=localhost:8299"]
        worker = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"
        check(
            schema,
            tmp_path / "out",
            *flags,
            "--environment_type=beam:env:harness_subprocess_python:v1",
            f"--environment_config={worker}",
        )
    finally:
        service.terminate()
        service.wait()


def test_prism(tmp_path: Path) -> None:
    binary = os.environ.get("TFGNN_EXT_PRISM") or shutil.which("prism")
    if binary is None:
        pytest.skip("Prism is not installed.")
    schema = write_graph(tmp_path / "graph")
    flags = ["--runner=PrismRunner", f"--prism_location={binary}"]
    check(schema, tmp_path / "out", *flags, "--environment_type=LOOPBACK")


def test_flink_and_a_killed_task_manager(tmp_path: Path) -> None:
    schema = write_graph(tmp_path / "graph")
    flags = [
        "--runner=PortableRunner",
        "--job_endpoint=localhost:8099",
        "--parallelism=2",
        *PROCESS,
    ]
    with engine("flink") as folder:
        check(schema, tmp_path / "out", *flags)
        pid = int((folder / "taskmanager1.pid").read_text())
        kill_in_mid_job(schema, tmp_path / "second" / "out", [pid], *flags)


def test_spark_and_a_killed_worker(tmp_path: Path) -> None:
    schema = write_graph(tmp_path / "graph")
    small = tmp_path / "none.jar"
    small.write_bytes(b"PK\5\6" + bytes(18))  # An empty archive: the executors hold Beam's jars.
    flags = [
        "--runner=PortableRunner",
        "--job_endpoint=localhost:8199",
        f"--files_to_stage={small}",
        *PROCESS,
    ]
    with engine("spark") as folder:
        check(schema, tmp_path / "out", *flags)
        worker = int((folder / "worker1.pid").read_text())
        children = subprocess.run(
            ["pgrep", "-P", str(worker)], capture_output=True, text=True, check=False
        )
        pids = [worker, *(int(pid) for pid in children.stdout.split())]
        kill_in_mid_job(schema, tmp_path / "second" / "out", pids, *flags)
