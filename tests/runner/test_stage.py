"""What is done, skipped, gone on with and refused, with stages that take no time."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tfgnn_ext.runner import InputError, Progress, load_config
from tfgnn_ext.runner.context import Context
from tfgnn_ext.runner.run_directory import RunDirectory
from tfgnn_ext.runner.stage import Stage, run_stages


class Bench:
    """Three stages, first -> second -> third, that count how often each is done."""

    def __init__(self, config: Path, directory: Path) -> None:
        self.config, self.path = config, directory
        self.done: list[str] = []
        self.fail_in: str | None = None
        self.files_of_third: Any = 1
        self.partial: tuple[str, ...] = ()

    def _work(self, name: str) -> Any:
        def work(context: Context) -> dict[str, Any]:
            self.done.append(name)
            if name in self.partial:
                (context.directory.path / f"{name}.half").write_text("x")
            with context.directory.replacing(f"{name}.txt") as partial:
                partial.write_text(name)
                if self.fail_in == name:
                    raise KeyboardInterrupt
            return {"value": 7}

        return work

    def run(self, *overrides: str, until: str | None = None, redo: bool = False) -> str:
        loaded = load_config(self.config, overrides)
        directory = RunDirectory(self.path)
        said = io.StringIO()
        context = Context(loaded, directory, Progress(stream=said), notes={"note.txt": "once"})
        stages = [
            Stage(name="first", work=self._work("first"), outputs=("first.txt",), keys=("data",)),
            Stage(
                name="second",
                work=self._work("second"),
                outputs=("second.txt",),
                partial=("second.half",) if "second" in self.partial else (),
                keys=("training",),
                after=("first",),
                packages=("numpy",),
            ),
            Stage(
                name="third",
                work=self._work("third"),
                outputs=("third.txt",),
                keys=("title",),
                after=("second",),
                also=lambda context: self.files_of_third,
            ),
        ]
        self.done.clear()
        try:
            run_stages(stages, context, until=until, redo=redo)
        finally:
            directory.close()
        return said.getvalue()

    def events(self) -> list[str]:
        lines = (self.path / "log.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


@pytest.fixture
def bench(papers: Path, tmp_path: Path) -> Bench:
    return Bench(papers, tmp_path / "runs" / "one")


def test_done_once_then_skipped(bench: Bench) -> None:
    said = bench.run()
    assert bench.done == ["first", "second", "third"]
    assert "[2/3] second ..." in said
    said = bench.run()
    assert bench.done == []
    assert said.splitlines() == [f"[{n}/3] {name}: done before" for n, name in
                                 enumerate(["first", "second", "third"], 1)]  # fmt: skip
    record = json.loads((bench.path / "stages.json").read_text())["second"]
    assert record["found"] == {"value": 7}
    assert record["inputs"]["config"]["training"]["epochs"] == 3
    assert record["inputs"]["versions"]["numpy"]
    assert bench.events().count("stage finished") == 3
    assert (bench.path / "note.txt").read_text() == "once"


def test_until_a_stage_then_on(bench: Bench) -> None:
    bench.run(until="first")
    assert bench.done == ["first"]
    bench.run(until="second")
    assert bench.done == ["second"]
    bench.run()
    assert bench.done == ["third"]


def test_a_lost_output_is_made_again(bench: Bench) -> None:
    bench.run()
    (bench.path / "second.txt").unlink()
    bench.run()
    assert bench.done == ["second"]


def test_nothing_is_written_before_the_first_result(bench: Bench) -> None:
    bench.fail_in = "first"
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    # The directory may be there, but no result, no note and no half of one.
    left = {path.name for path in bench.path.iterdir()} if bench.path.exists() else set()
    assert left <= {".lock", "stages.json", "log.jsonl"}


def test_an_interrupted_stage_leaves_no_half(bench: Bench) -> None:
    bench.fail_in = "second"
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert not list(bench.path.glob(".second*"))
    assert not (bench.path / "second.txt").exists()
    bench.fail_in = None
    bench.run()
    assert bench.done == ["second", "third"]


def test_another_config_is_refused_and_named(bench: Bench) -> None:
    bench.run()
    with pytest.raises(InputError) as error:
        bench.run("training.epochs=4", "training.optimizer=adam")
    assert error.value.problems == [
        f"{bench.path}: stage `second` was done before: `training.epochs` was 3 and is 4.",
        f"{bench.path}: stage `second` was done before: `training.optimizer` was 'adamw' and is "
        "'adam'.",
        f"{bench.path}: must be redone (--redo) or be another --out. "
        "Got other inputs for second, third.",
    ]
    assert bench.done == []
    # The old results still stand.
    bench.run()
    assert bench.done == []


def test_redo_does_the_stages_that_depend_on_it(bench: Bench) -> None:
    bench.run()
    bench.run("training.epochs=4", redo=True)
    assert bench.done == ["second", "third"]
    bench.run("training.epochs=4")
    assert bench.done == []
    bench.run("training.epochs=4", "title=New", redo=True)
    assert bench.done == ["third"]


def test_other_input_files_are_refused(bench: Bench) -> None:
    bench.run()
    bench.files_of_third = 2
    with pytest.raises(InputError, match="stage `third` was done before: its input files have"):
        bench.run()


def test_a_half_done_stage_is_gone_on_with_only_under_its_own_config(bench: Bench) -> None:
    bench.partial, bench.fail_in = ("second",), "second"
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert (bench.path / "second.half").exists()
    with pytest.raises(InputError, match=r"`training\.epochs` was 3 and is 4"):
        bench.run("training.epochs=4")
    bench.fail_in = None
    assert (bench.path / "second.half").exists()
    bench.run()
    assert bench.done == ["second", "third"]
    bench.run("training.epochs=4", redo=True, until="first")
    assert not (bench.path / "second.half").exists()


def test_a_stage_must_keep_its_word(bench: Bench) -> None:
    loaded = load_config(bench.config)
    directory = RunDirectory(bench.path)
    context = Context(loaded, directory, Progress(quiet=True))
    lazy = Stage(name="lazy", work=lambda context: None, outputs=("lazy.txt",))
    with pytest.raises(RuntimeError, match=r"must write lazy\.txt"):
        run_stages([lazy], context)
    needy = dataclasses.replace(lazy, name="needy", packages=("no-such-package",), extra="beam")
    with pytest.raises(InputError, match=r"no-such-package installed .*tfgnn-ext\[beam\]"):
        run_stages([needy], context)


def test_one_process_at_a_time(bench: Bench) -> None:
    bench.run()
    first = RunDirectory(bench.path)
    with pytest.raises(InputError, match="must not be in use by another process"):
        RunDirectory(bench.path)
    first.close()
    RunDirectory(bench.path).close()


def test_replacing_a_directory_and_a_file(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    for text in ("old", "new"):
        with directory.replacing("model") as partial:
            partial.mkdir()
            (partial / "a.txt").write_text(text)
        directory.write_json("a/b.json", {"value": float("nan"), "list": [1.5]})
    assert (directory.path / "model" / "a.txt").read_text() == "new"
    assert directory.read_json("a/b.json") == {"value": None, "list": [1.5]}

    def fail() -> None:
        with directory.replacing("model") as partial:
            partial.mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (directory.path / "model" / "a.txt").read_text() == "new"
    assert {path.name for path in directory.path.iterdir()} == {
        ".lock", "stages.json", "model", "a",
    }  # fmt: skip
    directory.close()
