"""The width of one head of an attention."""

from __future__ import annotations


def width_of_heads(template: str, num_heads: int, **total: int) -> int:
    """Divides a width among heads.

    Args:
      template: Whose parameter it is.
      num_heads: The number of heads.
      total: The width of all heads, under the name of its parameter.

    Returns:
      The width of one.

    >>> width_of_heads("gat_v2", 3, units=64)
    Traceback (most recent call last):
    ValueError: `num_heads` of `gat_v2` must be an int >= 1 that divides `units` = 64. Got 3.
    """
    ((name, width),) = total.items()
    if isinstance(num_heads, bool) or num_heads < 1 or width % num_heads:
        raise ValueError(
            f"`num_heads` of `{template}` must be an int >= 1 that divides `{name}` = {width}. Got "
            f"{num_heads}."
        )
    return width // num_heads
