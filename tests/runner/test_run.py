"""A whole run on a small graph: its files, its resume, its ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.runner.papers import write_papers
from tfgnn_ext.runner import InputError, Progress, embed_nodes, run

pytest.importorskip("tensorflow_gnn")
QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The config and the directory of a finished run."""
    folder = tmp_path_factory.mktemp("papers")
    config = write_papers(folder)
    return config, run(config, out=folder / "run", progress=QUIET)


def test_files_of_a_run(finished: tuple[Path, Path]) -> None:
    _, path = finished
    assert {
        "config.resolved.yaml", "environment.json", "log.jsonl", "stages.json", "graph.json",
        "samples", "baseline", "checkpoints", "model", "embeddings", "predictions.parquet",
        "metrics.json", "report.html", "logs", "weights.npz",
    } <= {item.name for item in path.iterdir()}  # fmt: skip
    assert list((path / "logs").glob("events.*"))
    metrics = json.loads((path / "metrics.json").read_text())
    assert list(metrics) == ["test", "validation", "train", "baseline"]
    for part in metrics.values():
        assert {"roc_auc", "average_precision", "accuracy", "calibration_error"} <= set(part)
    # One split, one set of figures: the baseline's are those of the test seeds.
    baseline = json.loads((path / "baseline" / "metrics.json").read_text())
    assert metrics["baseline"] == baseline["test"]
    predictions = pq.read_table(path / "predictions.parquet")
    embeddings = pq.read_table(path / "embeddings" / "paper.parquet")
    assert predictions["id"].to_pylist() == embeddings["id"].to_pylist()
    assert predictions["id"][0].as_py() == "p000"
    assert len(predictions) == 211
    assert not [item for item in path.rglob("*") if "partial" in item.name]


def test_report_holds_all_it_shows(finished: tuple[Path, Path]) -> None:
    _, path = finished
    text = (path / "report.html").read_text()
    assert "<title>papers</title>" in text
    assert text.count("<svg") == text.count("</svg>") == 5
    assert text.count('role="img"') == 5
    # Nothing comes from elsewhere.
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', text)
    assert "url(http" not in text
    # Ids are unique, and what is referred to is there.
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    metrics = json.loads((path / "metrics.json").read_text())
    assert f"{metrics['test']['roc_auc']:.4f}" in text
    assert f"{metrics['baseline']['average_precision']:.4f}" in text
    assert "learning_rate: 0.01" in text


def test_report_of_three_named_classes(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    config = write_papers(folder, classes=3)
    names = "report.class_names=[<calm>, loud & clear, odd]"
    path = run(config, out=tmp_path / "run", overrides=[names], progress=QUIET)
    text = (path / "report.html").read_text()
    assert '<th scope="col">&lt;calm&gt;</th><th scope="col">loud &amp; clear</th>' in text
    assert text.count("<svg") == 5
    metrics = json.loads((path / "metrics.json").read_text())
    assert 0.5 < metrics["test"]["roc_auc"] <= 1


def test_a_finished_run_is_gone_on_with_from_its_directory(finished: tuple[Path, Path]) -> None:
    _, path = finished
    before = {item: item.stat().st_mtime_ns for item in path.rglob("*.npz")}
    assert run(path, progress=QUIET) == path
    assert before == {item: item.stat().st_mtime_ns for item in path.rglob("*.npz")}
    with pytest.raises(InputError, match=r"`model\.units` was 8 and is 16"):
        run(path, overrides=["model.units=16"], progress=QUIET)


def test_changed_tables_are_refused(finished: tuple[Path, Path]) -> None:
    config, path = finished
    file = config.parent / "by.csv"
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    with pytest.raises(InputError, match="stage `graph` was done before: its input files have"):
        run(config, out=path, progress=QUIET)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_embedding_of_seeds_equals_that_of_the_run(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    config, path = finished
    seeds = pq.read_table(config.parent / "seeds.parquet").slice(3, 9)
    pq.write_table(seeds.select(["id", "time"]), tmp_path / "nodes.parquet")
    out = tmp_path / "embeddings.parquet"
    assert embed_nodes(path, tmp_path / "nodes.parquet", out, progress=QUIET) == 9
    found = pq.read_table(out)
    known = pq.read_table(path / "embeddings" / "paper.parquet").slice(3, 9)
    assert found["id"].to_pylist() == known["id"].to_pylist()
    np.testing.assert_allclose(
        np.stack(found["embedding"].to_numpy()), np.stack(known["embedding"].to_numpy()), atol=1e-5
    )
    pq.write_table(pa.table({"id": ["p000"]}), tmp_path / "timeless.parquet")
    with pytest.raises(InputError, match="must have a column 'time'"):
        embed_nodes(path, tmp_path / "timeless.parquet", out, progress=QUIET)
    pq.write_table(pa.table({"id": ["p999"], "time": [50]}), tmp_path / "unknown.parquet")
    with pytest.raises(InputError, match="'p999'"):
        embed_nodes(path, tmp_path / "unknown.parquet", out, progress=QUIET)
    with pytest.raises(InputError, match="must be the same at all times"):
        embed_nodes(path, tmp_path / "nodes.parquet", out, exact=True, progress=QUIET)


def _metrics(path: Path) -> object:
    return json.loads((path / "metrics.json").read_text())


def test_one_seed_one_result_and_another_another(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    config, path = finished
    same = run(config, out=tmp_path / "same", until="evaluate", progress=QUIET)
    assert _metrics(same) == _metrics(path)
    other = run(
        config, out=tmp_path / "other", overrides=["training.seed=1"], until="evaluate",
        progress=QUIET,
    )  # fmt: skip
    assert _metrics(other) != _metrics(path)


@pytest.mark.slow
def test_padded_and_compiled(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, _ = finished
    model = "model={name: graph_sage, units: 8, id_dropout: 0}"
    found = {}
    for compiled in ("false", "true"):
        out = tmp_path / compiled
        overrides = [model, "baseline=null", f"training.jit_compile={compiled}"]
        run(config, out=out, overrides=overrides, until="export", progress=QUIET)
        found[compiled] = json.loads((out / "metrics.json").read_text())
    # Static shapes change no result but for rounding.
    for split, metrics in found["false"].items():
        assert metrics["log_loss"] == pytest.approx(found["true"][split]["log_loss"], abs=1e-3)


@pytest.mark.slow
def test_several_networks(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, _ = finished
    out = run(config, out=tmp_path / "run", overrides=["training.members=2"], progress=QUIET)
    assert {item.name for item in (out / "members").iterdir()} == {"0", "1"}
    networks = json.loads((out / "training.json").read_text())["members"]
    assert networks[0]["history"][-1]["loss"] != networks[1]["history"][-1]["loss"]
    text = (out / "report.html").read_text()
    assert "the mean of 2 networks" in text
    assert "Loss, mean of 2 networks" in text
    assert len(pq.read_table(out / "embeddings" / "paper.parquet")["embedding"][0]) == 2 * 8
    # Network by network, whichever was trained in this process: the first is there already.
    shutil.rmtree(out / "members" / "1")
    for name in ("weights.npz", "training.json"):
        (out / name).unlink()
    before = _metrics(out)
    assert run(out, until="evaluate", progress=QUIET) == out
    assert _metrics(out) == before
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    starts = [event for event in events if event["event"] == "training started"]
    assert [(e["member"], e["step"]) for e in starts[-2:]] == [(0, starts[0]["steps"]), (1, 0)]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on_to_the_same_metrics(
    finished: tuple[Path, Path], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    config, path = finished
    out = tmp_path / "run"
    command = [sys.executable, "-c", "from tfgnn_ext.cli import main; main()"]
    command += ["evaluate", str(config), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list((out / "checkpoints").glob("latest-*.index")):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    if process.returncode == 0:
        pytest.skip("the run was done before the signal came")
    assert process.returncode == code
    assert not (out / "weights.npz").exists()
    if number == signal.SIGINT:
        last = errors.splitlines()[-1]
        assert re.match(r"interrupted( at step \d+)?: go on with `tfgnn-ext evaluate", last), errors
        assert "Traceback" not in errors
    assert run(out, until="evaluate", progress=QUIET) == out
    assert _metrics(out) == _metrics(path)
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    started = [event["step"] for event in events if event["event"] == "training started"]
    assert started[0] == 0
    assert started[-1] > 0


def test_embeddings_by_beam_equal_those_of_the_run(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    """Samples and embeds in one job, and from the files of a sampling job."""
    pytest.importorskip("apache_beam")
    from pipelines import embed_nodes as job
    from tfgnn_ext.runner.beam import sample_on_beam

    _, path = finished
    known = pq.read_table(path / "embeddings" / "paper.parquet")
    expected = dict(zip(known["id"].to_pylist(), known["embedding"].to_pylist(), strict=True))
    assert sample_on_beam(path, tmp_path / "samples", split="test", shards=2) > 9
    job.main(["--model", f"{path}/model", "--config", f"{path}", "--shards", "2",
              "--out", f"{tmp_path}/all"])  # fmt: skip
    job.main(["--model", f"{path}/model", "--samples", f"{tmp_path}/samples",
              "--out", f"{tmp_path}/test"])  # fmt: skip
    found = {name: pq.read_table(sorted(tmp_path.glob(f"{name}-*"))) for name in ("all", "test")}
    assert sorted(found["all"]["id"].to_pylist()) == sorted(expected)
    assert 9 < len(found["test"]) < len(expected)
    for table in found.values():
        wanted = [expected[id_] for id_ in table["id"].to_pylist()]
        np.testing.assert_allclose(np.stack(table["embedding"].to_numpy()), wanted, atol=1e-5)
