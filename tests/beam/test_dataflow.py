"""What a Dataflow worker needs is in the source distribution, and nothing else of this project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2

from tests.beam.shops import PLAN, write_shop
from tfgnn_ext.sampling.beam import SampleSubgraphs, WriteSamples
from tfgnn_ext.sampling.table_blocks import SeedColumns

ROOT = Path(__file__).parents[2]

# Runs where neither the project nor its editable install can be seen; argv: the payloads' folder,
# and, if given, the folder into which the source distribution was installed.
_WORKER = """
import sys
from pathlib import Path

sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in str(f)]
sys.path[:] = [p for p in sys.path if not (Path(p or ".") / "tfgnn_ext").is_dir()] + sys.argv[2:]

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_gnn", "tf_keras", "typer", "rich"):
            raise ImportError("a worker must not load " + name)

sys.meta_path.insert(0, Refuse())
from apache_beam.internal import pickler

for path in sorted(Path(sys.argv[1]).iterdir()):
    pickler.loads(path.read_bytes())
print(len(list(Path(sys.argv[1]).iterdir())))
"""


def payloads(tmp_path: Path) -> Path:
    """The pickled functions of the sampling job, one file each."""
    schema = write_shop(tmp_path / "graph")
    sampling = SampleSubgraphs(
        schema=schema,
        plan=PLAN,
        seeds=schema.parent / "seeds-*.parquet",
        seed_columns=SeedColumns(time="when"),
    )
    pipeline = beam.Pipeline("apache_beam.runners.portability.fn_api_runner.FnApiRunner")
    _ = pipeline | sampling | WriteSamples(tmp_path / "out", sampling)
    folder = tmp_path / "payloads"
    folder.mkdir()
    transforms = pipeline.to_runner_api().components.transforms
    for number, transform in enumerate(transforms.values()):
        if transform.spec.urn != common_urns.primitives.PAR_DO.urn:
            continue
        pardo = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        assert pardo.do_fn.urn == python_urns.PICKLED_DOFN_INFO
        (folder / f"{number:04d}").write_bytes(pardo.do_fn.payload)
    return folder


def distribution(tmp_path: Path) -> Path:
    """Installs the source distribution, as `--setup_file` builds it, into a folder of its own."""
    quiet = {"check": True, "capture_output": True, "cwd": ROOT}
    build = [sys.executable, "setup.py", "sdist", "--dist-dir", tmp_path]
    subprocess.run(build, **quiet)  # type: ignore[call-overload]
    (archive,) = tmp_path.glob("*.tar.gz")
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--target", tmp_path / "installed"]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, archive], **quiet)  # type: ignore[call-overload]
    return tmp_path / "installed"


@pytest.mark.slow
def test_workers_unpickle_with_the_distribution_and_not_without(tmp_path: Path) -> None:
    pickled, installed = payloads(tmp_path), distribution(tmp_path)

    def worker(*folders: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _WORKER, pickled, *folders]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    found = worker(installed)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 40
    missing = worker()
    assert missing.returncode != 0
    assert "No module named 'tfgnn_ext'" in missing.stderr
