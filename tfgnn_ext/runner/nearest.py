"""Did you mean ...?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """A hint at the nearest of `choices`, or nothing.

    >>> did_you_mean("fanuot", ["fanout", "inputs"])
    ' Did you mean `fanout`?'
    >>> did_you_mean("zebra", ["fanout", "inputs"])
    ''
    """
    found = difflib.get_close_matches(str(word), list(choices), n=1, cutoff=0.55)
    return f" Did you mean `{found[0]}`?" if found else ""
