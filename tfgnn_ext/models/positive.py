"""Refuses numbers that must be at least 1."""

from __future__ import annotations


def positive(owner: str, **values: int) -> None:
    """Checks that values are ints of at least 1.

    Args:
      owner: Whose parameters they are.
      values: By their names.

    >>> positive("mt_albis", message_units=0)
    Traceback (most recent call last):
    ValueError: `message_units` of `mt_albis` must be an int >= 1. Got 0.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` of `{owner}` must be an int >= 1. Got {value!r}.")
