from __future__ import annotations

import io

from tfgnn_ext.runner import Progress


def test_lines_with_rates_where_there_is_no_terminal() -> None:
    said = io.StringIO()
    progress = Progress(stream=said, every=0.0)
    with progress.stage("train", 2, 5), progress.counting("seeds", 3000, start=1000) as advance:
        advance(500, loss=0.51234)
        advance(1500)
    lines = said.getvalue().splitlines()
    assert lines[0] == "[2/5] train ..."
    assert lines[1].startswith("  1,500 of 3,000 seeds, ")
    assert lines[1].endswith(" seeds/s, loss 0.5123")
    assert lines[-2].startswith("  3,000 of 3,000 seeds, ")
    assert lines[-1].startswith("[2/5] train: 0.")


def test_few_lines_where_things_are_quick() -> None:
    said = io.StringIO()
    progress = Progress(stream=said)
    with progress.counting("seeds", 100) as advance:
        for _ in range(100):
            advance(1)
    assert said.getvalue() == ""


def test_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    said = Terminal()
    progress = Progress(stream=said)
    if progress.animated:
        with progress.counting("seeds", 100) as advance:
            advance(40, loss=0.5)
        assert "seeds/s" in said.getvalue()
