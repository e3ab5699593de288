"""Which seeds a training step sees: a pure function of (seed, step).

No iterator state exists, so a run can start at any step, and two pipelines of a distributed run
draw disjoint parts of the same epoch without talking to each other.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Partial = Literal["drop", "wrap", "pad"]
PARTIALS: tuple[Partial, ...] = ("drop", "wrap", "pad")
Choice = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], int]


class SeedBatches:
    """Maps a step to positions of seeds, their weights, and an epoch.

    An epoch is one pass over the seeds in an order that is a function of ``(seed, epoch)``: the
    stable sort of the raw 64-bit output of Philox with that key, which no version of NumPy will
    change. A *step* is one update of the weights; with R replicas it consumes R batches, one each.

    Args:
      num_seeds: The number of seeds.
      batch_size: Seeds a batch, for each replica.
      seed: Any int in ``[0, 2**64)``.
      shuffle: Whether each epoch has its own order; else the order is 0, 1, 2, ...
      partial: What becomes of the seeds that do not fill the last step of an epoch: "drop" leaves
        them out (others in each epoch, when shuffled), "wrap" fills up with the first seeds of the
        same epoch, "pad" fills up with weight 0, so that each seed counts exactly once.
      weights: ``[num_seeds]``, what each seed counts in the loss; default 1.
      draw_weights: ``[num_seeds]``: an epoch then draws `num_seeds` seeds with replacement, in
        proportion to these, instead of each once. Needs `shuffle`.
      replicas: The number of replicas in sync.
      resample: Whether the epoch is handed on to the sampler, for fresh neighbours each epoch; else
        it is told epoch 0 always.

    Raises:
      ValueError: An argument is out of range, or "drop" would leave nothing.

    >>> batches = SeedBatches(5, 2, seed=7, shuffle=False, partial="pad")
    >>> batches.steps_per_epoch
    3
    >>> positions, weights, epoch = batches(5)
    >>> positions.tolist(), weights.tolist(), epoch
    ([4, 4], [1.0, 0.0], 1)
    """

    def __init__(
        self,
        num_seeds: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        partial: Partial = "drop",
        weights: npt.ArrayLike | None = None,
        draw_weights: npt.ArrayLike | None = None,
        replicas: int = 1,
        resample: bool = True,
    ) -> None:
        for name, value in (
            ("num_seeds", num_seeds),
            ("batch_size", batch_size),
            ("replicas", replicas),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` of `SeedBatches` must be an int >= 1. Got {value!r}.")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise ValueError(f"`seed` of `SeedBatches` must be an int in [0, 2**64). Got {seed!r}.")
        if partial not in PARTIALS:
            raise ValueError(
                f"`partial` of `SeedBatches` must be one of {', '.join(PARTIALS)}. Got {partial!r}."
            )
        if draw_weights is not None and not shuffle:
            raise ValueError("`draw_weights` of `SeedBatches` must be None without `shuffle`.")
        self.num_seeds = num_seeds
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.partial = partial
        self.replicas = replicas
        self.resample = resample
        self._weights = _weights("weights", weights, num_seeds)
        drawn = _weights("draw_weights", draw_weights, num_seeds)
        self._ends = None if drawn is None else np.cumsum(drawn.astype(np.float64))
        if self._ends is not None and self._ends[-1] <= 0:
            raise ValueError("`draw_weights` of `SeedBatches` must not all be 0. Got zeros.")
        share = batch_size * replicas
        self.steps_per_epoch = num_seeds // share if partial == "drop" else -(-num_seeds // share)
        if not self.steps_per_epoch:
            raise ValueError(
                f"`batch_size` of `SeedBatches` times `replicas` must be at most the number of "
                f'seeds, {num_seeds}, with partial="drop" ("wrap" and "pad" keep a last partial '
                f"batch). Got {share}."
            )
        self._orders: dict[int, npt.NDArray[np.int64]] = {}
        self._lock = threading.Lock()

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Positions of seeds in the order in which an epoch visits them: ``[num_seeds]``."""
        with self._lock:
            if epoch not in self._orders:
                # Steps of two epochs may be prepared at once.
                for old in sorted(self._orders)[:-1]:
                    del self._orders[old]
                self._orders[epoch] = self._order(epoch)
            return self._orders[epoch]

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        if not self.shuffle:
            return np.arange(self.num_seeds)
        words = np.random.Philox(key=np.array([self.seed, epoch], np.uint64)).random_raw(
            self.num_seeds
        )
        order: npt.NDArray[np.int64]
        if self._ends is None:
            order = np.argsort(words, kind="stable")
            return order
        # In [0, 1), 53 bits.
        uniform = (words >> np.uint64(11)) * 2.0**-53
        drawn = np.searchsorted(self._ends, uniform * self._ends[-1], side="right")
        order = np.minimum(drawn, self.num_seeds - 1).astype(np.int64)
        return order

    def __call__(self, step: int, replica: int = 0) -> Choice:
        """What `replica` trains on in `step`.

        Args:
          step: Counts updates from 0, over all epochs.
          replica: In ``[0, replicas)``.

        Returns:
          Positions int64 ``[batch_size]``, weights float32 ``[batch_size]``, and the sampler's
          epoch.
        """
        epoch, within = divmod(step, self.steps_per_epoch)
        begin = (within * self.replicas + replica) * self.batch_size
        index = np.arange(begin, begin + self.batch_size)
        missing = index >= self.num_seeds
        if self.partial == "pad":
            index = np.minimum(index, self.num_seeds - 1)
        else:
            index %= self.num_seeds
        positions = self.order(epoch)[index]
        weights = (
            np.ones(self.batch_size, np.float32)
            if self._weights is None
            else self._weights[positions]
        )
        if self.partial == "pad":
            weights[missing] = 0
        return positions, weights, epoch if self.resample else 0


def _weights(
    name: str, values: npt.ArrayLike | None, num_seeds: int
) -> npt.NDArray[np.float32] | None:
    if values is None:
        return None
    weights: npt.NDArray[Any] = np.asarray(values, np.float32)
    if weights.shape != (num_seeds,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"`{name}` of `SeedBatches` must be {num_seeds} finite numbers >= 0. "
            f"Got shape {list(weights.shape)}."
        )
    return weights
