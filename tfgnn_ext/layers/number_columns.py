"""Numbers, ages and flags of a node or edge set as columns for a linear layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfgnn_ext.tensors.input_spec import FeatureInput
from tfgnn_ext.tensors.ragged_means import ragged_numbers

_FAR = 1e12


class NumberColumns:
    """Assembles ``[num_items, width]`` from the numbers among a set's features.

    With mean m and deviation s of training, a number x gives ``clip((x - m) / s, -5, 5)``; an age,
    whose tail is long, gives ``asinh((x - m) / s)``. Where x is missing or not yet known, that is
    0. Features of which training missed values add a column that is 1 where x is there, and
    features that become known in time add their ``known`` flag, those of categories too.

    With `ramps`, numbers that have quantiles give both of the above and, between these quantiles of
    training ``q_0 < ... < q_T``, T columns ``clip((x - q_(t-1)) / (q_t - q_(t-1)), 0, 1)``: the
    piecewise linear encoding of Gorishniy et al. ("On Embeddings for Numerical Features", NeurIPS
    2022), which bends where the data is.

    A bag x gives ``x / sum |x|``, so that long texts count no more than short ones: zeros stay
    zeros, an empty bag is all zeros, and so is what misses.

    Of a ragged feature, x is the mean of its numbers, missing if there is none.

    All features are computed side by side, so that their number costs little. Statistics and
    results are float32 under any precision policy.

    Args:
      features: How to encode each feature.
      ramps: Whether to add the piecewise linear encoding.

    >>> columns = NumberColumns({"year": FeatureInput(kind="numeric", mean=2000.0, std=10.0)})
    >>> columns({"year": tf.constant([2005.0, float("nan")])}).numpy().tolist()
    [[0.5, 1.0], [0.0, 0.0]]
    """

    def __init__(self, features: Mapping[str, FeatureInput], *, ramps: bool = False) -> None:
        self._bags = {name: f.width for name, f in features.items() if f.kind == "bag"}
        self._names = [name for name, f in features.items() if f.kind in ("numeric", "age")]
        chosen = [features[name] for name in self._names]
        self._widths = [f.width for f in chosen]
        self._flag_of = {
            name: f"{name.removesuffix('/age')}/known" for name, f in features.items() if f.known
        }
        self._flags = sorted(set(self._flag_of.values()))

        # [sum of widths]
        self._mean = _columns(chosen, "mean")
        self._std = _columns(chosen, "std")
        self._ramps = ramps
        kinds = np.repeat([f.kind for f in chosen], self._widths) if chosen else np.empty(0, "U")
        everything = np.arange(len(kinds), dtype=np.int32)
        bent = np.repeat([ramps and bool(f.quantiles) for f in chosen], self._widths).astype(bool)
        self._clipped = everything[bent | (kinds == "numeric")]
        self._long = everything[bent | (kinds == "age")]
        optional = np.repeat([f.missing for f in chosen], self._widths)
        self._optional = everything[np.asarray(optional, bool)]
        # One entry a ramp: which column it reads, where it begins and how long it is.
        owner: list[int] = []
        begin: list[float] = []
        end: list[float] = []
        offset = 0
        for f in chosen:
            for index in range(offset, offset + f.width):
                for low, high in zip(f.quantiles, f.quantiles[1:], strict=False):
                    owner.append(index)
                    begin.append(low)
                    end.append(high)
            offset += f.width
        self._owner = np.asarray(owner if ramps else [], np.int32)
        self._begin = np.asarray(begin, np.float32)
        self._length = np.asarray(end, np.float32) - self._begin
        self.width = sum(
            len(part)
            for part in (self._clipped, self._long, self._optional, self._flags, self._owner)
        ) + sum(self._bags.values())

    def __call__(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Encodes the delivered features of a set.

        Args:
          inputs: By name, ``[num_items, *shape]`` or ragged ``[num_items, (length)]``; others than
            those of `features` are ignored.

        Returns:
          float32 [num_items, width].
        """
        flags = {
            flag: tf.reshape(tf.cast(inputs[flag], tf.float32), [-1, 1]) for flag in self._flags
        }
        columns = list(flags.values())
        if self._names:
            columns = [*self._numbers(inputs, flags), *columns]
        for name, width in self._bags.items():
            # [num_items, width]
            bag = tf.reshape(_as_floats(inputs[name]), [-1, width])
            bag = tf.where(tf.math.is_finite(bag), bag, 0.0)
            if name in self._flag_of:
                bag *= flags[self._flag_of[name]]
            columns.append(
                tf.math.divide_no_nan(bag, tf.reduce_sum(tf.abs(bag), axis=1, keepdims=True))
            )
        return tf.concat(columns, axis=-1)

    def _numbers(
        self, inputs: Mapping[str, tf.Tensor], flags: Mapping[str, tf.Tensor]
    ) -> list[tf.Tensor]:
        parts, known = [], []
        for name, width in zip(self._names, self._widths, strict=True):
            # [num_items, width]
            part = tf.reshape(_as_floats(inputs[name]), [-1, width])
            parts.append(part)
            flag = flags[self._flag_of[name]] > 0 if name in self._flag_of else None
            known.append(tf.ones_like(part, tf.bool) if flag is None else flag & (part == part))
        # [num_items, sum of widths]
        values = tf.concat(parts, axis=-1)
        present = tf.math.is_finite(values)
        if any(name in self._flag_of for name in self._names):
            present &= tf.concat(known, axis=-1)
        values = tf.where(present, values, self._mean)
        # asinh squares what it is given.
        standard = tf.clip_by_value((values - self._mean) / self._std, -_FAR, _FAR)
        mask = tf.cast(present, tf.float32)
        columns = []
        if len(self._clipped):
            columns.append(tf.clip_by_value(_pick(standard, self._clipped), -5.0, 5.0))
        if len(self._long):
            columns.append(tf.math.asinh(_pick(standard, self._long)))
        if len(self._optional):
            columns.append(_pick(mask, self._optional))
        if len(self._owner):
            # [num_items, number of ramps]
            ramps = (tf.gather(values, self._owner, axis=1) - self._begin) / self._length
            there = tf.gather(present, self._owner, axis=1)
            columns.append(tf.where(there, tf.clip_by_value(ramps, 0.0, 1.0), 0.0))
        return columns


def _as_floats(given: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    return tf.cast(
        ragged_numbers(given) if isinstance(given, tf.RaggedTensor) else given, tf.float32
    )


def _columns(features: Sequence[FeatureInput], name: str) -> np.ndarray:
    """An attribute of each feature, for each of its columns."""
    parts = [np.broadcast_to(np.float32(getattr(f, name)), f.width) for f in features]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _pick(values: tf.Tensor, columns: np.ndarray) -> tf.Tensor:
    return values if len(columns) == values.shape[1] else tf.gather(values, columns, axis=1)
