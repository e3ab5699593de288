"""A step that takes its time, and says that it has begun."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_a_while(item: T, seconds: float, out: str) -> T:
    """Returns `item` after some seconds; leaves a file beside `out` first."""
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    (Path(out).parent / f"begun-{uuid.uuid4().hex}").touch()
    time.sleep(seconds)
    return item
