"""Every reader, the config and the example parser on changed and on random bytes."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from tests.fuzz.targets import TARGETS, run

_INPUTS = 150  # A target: 20 targets, 3,000 inputs. `python -m tests.fuzz` runs more.
_SLOW = 20_000  # Milliseconds, on a machine that does much else: what takes longer hangs.


@st.composite
def changed(draw: st.DrawFn, good: bytes) -> bytes:
    """Good bytes with up to four changes: a byte, a cut, a piece left out, doubled or put in."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        begin = draw(st.integers(0, len(content) - 1))
        end = draw(st.integers(begin, min(len(content), begin + 16)))
        kind = draw(st.sampled_from(["byte", "cut", "leave out", "double", "put in"]))
        if kind == "byte":
            content[begin] = draw(st.integers(0, 255))
        elif kind == "cut":
            del content[begin:]
        elif kind == "leave out":
            del content[begin:end]
        elif kind == "double":
            content[begin:begin] = content[begin:end]
        else:
            content[begin:begin] = draw(st.binary(max_size=8))
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
def test_good_bytes_are_read(name: str) -> None:
    if name != "saved graph":
        assert run(TARGETS[name], TARGETS[name].good)


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_are_read_or_refused(name: str) -> None:
    target = TARGETS[name]

    @hypothesis.given(st.one_of(changed(target.good), changed(target.good), st.binary(max_size=64)))
    @hypothesis.settings(
        max_examples=_INPUTS,
        deadline=_SLOW,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    def check(content: bytes) -> None:
        run(target, content)

    run(target, target.good)  # What compiles does so before the clock runs.
    check()


def test_a_target_that_crashes_is_caught() -> None:
    """The control: a reader that fails otherwise, says nothing or leaves a file behind."""
    import dataclasses

    good = TARGETS["csv"]

    def crash(error: Exception):
        def read(content, folder):
            raise error

        return dataclasses.replace(good, read=read, files=())

    with pytest.raises(KeyError):
        run(crash(KeyError("x")), b"")
    with pytest.raises(AssertionError, match="an error must say"):
        run(crash(ValueError("bad")), b"")
    assert not run(crash(ValueError("must be good")), b"")
    with pytest.raises(AssertionError, match="nothing else must be written"):
        run(dataclasses.replace(good, files=()), good.good)
