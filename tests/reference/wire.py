"""tf.Example's wire format in plain Python, one feature at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any] | Sequence[bytes]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return bytes((number << 3 | 2,)) + _varint(len(payload)) + payload


def encode_feature(values: Values) -> bytes:
    r"""A tf.Feature: its kind follows from the values.

    Args:
      values: An array of floats or of ints, flattened in row-major order, or byte strings.

    Returns:
      The serialized message.

    >>> encode_feature(np.array([1, 300]))
    b'\x1a\x05\n\x03\x01\xac\x02'
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        packed = np.ascontiguousarray(values, "<f4").tobytes()
        return _field(2, _field(1, packed) if packed else b"")
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        flat = np.ascontiguousarray(values, np.int64).reshape(-1).tolist()
        packed = b"".join(_varint(value % 2**64) for value in flat)
        return _field(3, _field(1, packed) if packed else b"")
    texts = values.reshape(-1).tolist() if isinstance(values, np.ndarray) else values
    return _field(1, b"".join(_field(1, bytes(text)) for text in texts))


def encode_example(features: Mapping[bytes, bytes]) -> bytes:
    """A tf.Example from encoded features by name.

    Args:
      features: By utf-8 name, what `encode_feature` returned.

    Returns:
      The serialized message, its map in the order of the names.
    """
    # As upb sorts: by bytes, a name before its own prefixes. Utf-8 has no byte 0xff.
    ordered = sorted(features, key=lambda name: name + b"\xff")
    entries = [_field(1, _field(1, name) + _field(2, features[name])) for name in ordered]
    return _field(1, b"".join(entries))
