"""One side of a comparison in a process of its own: its CPU time and peak memory are its alone.

The parent starts a side, waits until it is ready, and asks it to work, in turn with the others:
`Side` is the parent's end, `serve` the child's. Words go over standard output and input.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_WORD = "side "
_ROOT = Path(__file__).parents[1]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Side:
    """A child that measures itself.

    Args:
      python: The interpreter: a peer has its own environment.
      module: What it runs; it ends in `serve`.
      arguments: Of the module.

    Attributes:
      problem: Why the side cannot be measured; None if it can.
    """

    def __init__(self, python: str, module: str, arguments: Sequence[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  Read if the child fails.
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=_ROOT,
            env={**os.environ, **_ONE_THREAD},
        )
        self.problem: str | None = None
        self.versions: Mapping[str, str] = {}
        found = self._read()
        if "problem" in found:
            self.problem = found["problem"]
            self.close()
        else:
            self.versions = found["versions"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_WORD):
                found: dict[str, Any] = json.loads(line.removeprefix(_WORD))
                return found
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:] or ["it ended without a word"]
        return {"problem": last[0]}

    def measure(self) -> dict[str, float]:
        """Lets the child work once: ``{"cpu": seconds, "peak": MiB}``."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        found = self._read()
        if "problem" in found:
            raise RuntimeError(found["problem"])
        return found

    def close(self) -> None:
        """Ends the child."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(60)


def serve(make: Callable[[], Callable[[], Any]], versions: Callable[[], Mapping[str, str]]) -> None:
    """Makes the work, then does it as often as asked.

    Args:
      make: Prepares; raises ImportError if a package is missing.
      versions: Of what is measured.
    """
    try:
        work = make()
    except ImportError as error:
        _say({"problem": f"not installed ({error})"})
        return
    work()
    _say({"versions": dict(versions())})
    for _ in sys.stdin:
        before = time.process_time()
        work()
        cpu = time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _say({"cpu": cpu, "peak": peak})


def _say(found: Mapping[str, Any]) -> None:
    print(_WORD + json.dumps(found), flush=True)
