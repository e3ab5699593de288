"""Shared by all rooms: TensorFlow's greetings stay out of the output."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# numba's cache of a function knows the function's own file only. What `kernel` has inlined from
# `keys` and `draws` must not outlive an edit of those.
from pathlib import Path

_SAMPLING = Path(__file__).parents[1] / "tfgnn_ext" / "sampling"
_NEWEST = max(path.stat().st_mtime for path in _SAMPLING.rglob("*.py"))
for _cached in _SAMPLING.rglob("*.nb[ic]"):
    if _cached.stat().st_mtime < _NEWEST:
        _cached.unlink(missing_ok=True)
