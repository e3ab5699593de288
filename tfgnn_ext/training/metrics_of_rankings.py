"""How high links rank among the negative pairs that were drawn for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfgnn_ext.training.score_names import RANKS

RANKING_METRICS = RANKS
_HITS = tuple(int(name.removeprefix("hits@")) for name in RANKS[1:])


def ranking_metrics(
    labels: npt.ArrayLike, scores: npt.ArrayLike, groups: npt.ArrayLike
) -> dict[str, float]:
    """All of `RANKING_METRICS`, over the groups that hold one positive pair and its negatives.

    The rank of a positive pair among its negatives is 1 plus the number of those that score higher,
    plus half the number of those that score the same: what a random order of equals has on average,
    so that a constant score is not rewarded. ``mrr`` is the mean of 1 / rank; ``hits@k`` is the
    share of ranks of at most k. What they say depends on how many negatives there are. Pairs in
    groups without a positive or without a negative are left out.

    Args:
      labels: ``[num_pairs]``, 1 for positive pairs, else 0.
      scores: ``[num_pairs]``, higher for what is thought linked.
      groups: int ``[num_pairs]``, of which group each is.

    Returns:
      A value for each name; NaN where no group has both.

    >>> scores = [0.9, 0.1, 0.95, 0.3, 0.3, 0.2]
    >>> found = ranking_metrics([1, 0, 0, 1, 0, 0], scores, [7, 7, 7, 2, 2, 2])
    >>> {name: round(value, 3) for name, value in found.items()}  # ranks 2 and 1.5
    {'mrr': 0.583, 'hits@1': 0.0, 'hits@3': 1.0, 'hits@10': 1.0}
    """
    y, s, g = np.asarray(labels), np.asarray(scores, np.float64), np.asarray(groups)
    if not y.shape == s.shape == g.shape or y.ndim != 1:
        raise ValueError(
            "`labels`, `scores` and `groups` of `ranking_metrics` must be vectors of one length. "
            f"Got shapes {list(y.shape)}, {list(s.shape)}, {list(g.shape)}."
        )
    names, of = np.unique(g, return_inverse=True)
    positive = y == 1
    counts = np.bincount(of[positive], minlength=len(names))
    if (counts > 1).any():
        raise ValueError(
            "`groups` of `ranking_metrics` must hold one positive pair each. "
            f"Got {counts.max()} in group {names[counts.argmax()]}."
        )
    # [num_groups], of each group's positive pair.
    best = np.full(len(names), np.nan)
    best[of[positive]] = s[positive]
    rivals = ~positive
    own = best[of[rivals]]
    above = np.bincount(of[rivals], s[rivals] > own, len(names))
    equal = np.bincount(of[rivals], s[rivals] == own, len(names))
    judged = (counts == 1) & (np.bincount(of[rivals], minlength=len(names)) > 0)
    if not judged.any():
        return dict.fromkeys(RANKING_METRICS, float("nan"))
    ranks: npt.NDArray[Any] = (1 + above + equal / 2)[judged]
    hits = {f"hits@{k}": float((ranks <= k).mean()) for k in _HITS}
    return {"mrr": float((1 / ranks).mean()), **hits}
