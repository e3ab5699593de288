"""What Dataflow is given: a dry run, and a template with all that is uploaded for it.

Uploads go to a folder instead of a bucket: no account is needed. That the service takes the job is
not tested.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from tests.beam.shops import write_shop

pytest.importorskip("apitools", reason="apache-beam[gcp] is not installed")
pytest.importorskip("google.cloud.storage", reason="apache-beam[gcp] is not installed")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONFIG = """
data:
  schema: graph/schema.pbtxt
  seeds: {table: "graph/seeds-*.parquet", node_set: user, time: when, label: split, split: split}
sampling:
  ops:
    - {edge_set: likes, fanout: 4, name: a}
    - {edge_set: bought, fanout: 3, name: b}
    - {edge_set: liked_by, fanout: 2, inputs: [a, b]}
model: {name: graph_sage}
"""
# argv: the folder that stands for all buckets, and the job's own.
_JOB = """
import shutil, sys
from pathlib import Path
from apache_beam.internal.gcp import auth
from apache_beam.io.gcp import gcsio
from apache_beam.runners.dataflow.internal import apiclient
from pipelines import sample_subgraphs

buckets = Path(sys.argv[1])

def stage_file(self, place, name, stream, *args, **kwargs):
    assert place.startswith("gs://"), place
    folder = buckets / place.removeprefix("gs://")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "wb") as file:
        shutil.copyfileobj(stream, file)

apiclient.DataflowApplicationClient.stage_file = stage_file
# --no_auth keeps Beam from asking for an account in some places only.
auth._Credentials._get_service_credentials = staticmethod(lambda options: None)
gcsio.GcsIO.is_soft_delete_enabled = lambda self, path: False
sample_subgraphs.main(sys.argv[2:])
"""


def run(tmp_path: Path, *flags: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    write_shop(tmp_path / "graph")
    config, buckets = tmp_path / "graph.yaml", tmp_path / "buckets"
    config.write_text(CONFIG)
    job = ["--config", str(config), "--out", "gs://some-bucket/out", "--shards", "4"]
    options = [
        "--runner=DataflowRunner", "--project=some-project", "--region=europe-west1", "--no_auth",
        "--temp_location=gs://some-bucket/tmp", "--staging_location=gs://some-bucket/staging",
        f"--setup_file={ROOT / 'setup.py'}", "--job_name=sample",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _JOB, str(buckets), *job, *options, *flags],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done, buckets / "some-bucket"


def test_a_dry_run_checks_the_options_and_uploads_nothing(tmp_path: Path) -> None:
    done, bucket = run(tmp_path, "--dry_run=True")
    assert done.returncode == 0, done.stderr
    assert not bucket.exists()


def test_a_dry_run_refuses_what_is_no_project(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "--dry_run=True", "--project=1-Bad")
    assert done.returncode != 0
    assert "Invalid Project ID (1-Bad)" in done.stderr


def test_a_template_names_what_was_uploaded(tmp_path: Path) -> None:
    done, bucket = run(tmp_path, "--template_location=gs://some-bucket/templates/sample")
    assert done.returncode == 0, done.stderr
    job = json.loads((bucket / "templates" / "sample").read_text())
    options = job["environment"]["sdkPipelineOptions"]["options"]
    assert (options["project"], options["job_name"]) == ("some-project", "sample")
    uploaded = {path.name: path for path in (bucket / "staging").rglob("*") if path.is_file()}
    pipeline = beam_runner_api_pb2.Pipeline.FromString(uploaded["pipeline.pb"].read_bytes())
    steps = {transform.unique_name for transform in pipeline.components.transforms.values()}
    assert any(name.endswith("/Draw a/Draw") for name in steps), steps
    # Each file that a worker fetches was uploaded; one is this project's source distribution.
    (environment,) = pipeline.components.environments.values()
    urls = [
        beam_runner_api_pb2.ArtifactUrlPayload.FromString(dependency.type_payload).url
        for dependency in environment.dependencies
    ]
    assert urls
    for url in urls:
        assert (bucket.parent / url.removeprefix("gs://")).is_file()
    (archive,) = (path for name, path in uploaded.items() if name.endswith(".tar.gz"))
    with tarfile.open(archive) as source:
        names = source.getnames()
    assert any(name.endswith("/tfgnn_ext/sampling/drawing/beam.py") for name in names)
