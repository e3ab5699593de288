"""Random sketches of polynomial kernels, of PolySketchFormer.

Kacham, Mirrokni, Zhong, "PolySketchFormer: Fast Transformers via Sketching Polynomial Kernels",
ICML 2024. ``<phi(q), phi(k)>`` estimates ``<q, k>^(p/2)`` without bias, so its square estimates
``<q, k>^p`` and is never negative, which keeps training stable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

RANDOM_SKETCHES = ("orthogonal", "srht", "gaussian")
DEGREES = (2, 4, 8)


def check_size(r: int, where: str) -> None:
    """The size of a sketch is a multiple of 4."""
    if r < 4 or r % 4:
        raise ValueError(f"`r` of `{where}` must be a multiple of 4, at least 4. Got {r}.")


def sketch_matrices(sketch: str, width: int, *, r: int, degree: int, seed: int) -> list[np.ndarray]:
    """Draws the matrices G of `sketch_features`, with ``E[G G^T] = r I``.

    Args:
      sketch: "gaussian": independent standard normal entries. "orthogonal": columns of Haar
        orthogonal matrices, times the root of their number of rows. "srht": columns of a Hadamard
        matrix whose rows have random signs. Where columns run out, another independent block.
      width: h, the width of what is sketched.
      r: The size of the sketch, a multiple of 4.
      degree: p: 2 needs no matrices, 4 two of ``[h, r]``, 8 four of them and two of ``[r, r]``.
      seed: Of the draw.

    Returns:
      The matrices, float64, in the order in which `sketch_features` uses them.

    Raises:
      ValueError: No such sketch, degree or size.

    >>> [g.shape for g in sketch_matrices("srht", 6, r=8, degree=8, seed=0)]
    [(6, 8), (6, 8), (6, 8), (6, 8), (8, 8), (8, 8)]
    """
    if sketch not in RANDOM_SKETCHES:
        raise ValueError(
            f"`sketch` of `sketch_matrices` must be one of {', '.join(RANDOM_SKETCHES)}. Got "
            f"{sketch!r}."
        )
    if degree not in DEGREES:
        raise ValueError(f"`degree` of `sketch_matrices` must be 2, 4 or 8. Got {degree}.")
    check_size(r, "sketch_matrices")
    draw = {"gaussian": _gaussian, "orthogonal": _orthogonal, "srht": _srht}[sketch]
    random = np.random.default_rng(seed)

    def tree(m: int) -> Iterator[np.ndarray]:
        """The matrices of a signed sketch of degree m, deepest first."""
        if m > 1:
            yield from tree(m // 2)
            yield from tree(m // 2)
            rows = width if m == 2 else r
            yield draw(rows, r, random)
            yield draw(rows, r, random)

    return list(tree(degree // 2))


def sketch_features(x: tf.Tensor, matrices: Sequence[tf.Tensor], *, degree: int) -> tf.Tensor:
    """The signed sketch of degree ``m = p / 2``.

    ``signed(X, 1) = X`` and ``signed(X, m) = r^-1/2 (M_1 G_1) o (M_2 G_2)`` with two independent
    ``M = signed(X, m / 2)``; o multiplies entries.

    Args:
      x: ``[..., h]``.
      matrices: Those of `sketch_matrices`.
      degree: p.

    Returns:
      ``[..., r]``; ``[..., h]`` for degree 2.

    >>> x = tf.constant([[3.0, 1.0]])
    >>> sketch_features(x, [tf.ones([2, 4]), tf.ones([2, 4])], degree=4).numpy().tolist()
    [[8.0, 8.0, 8.0, 8.0]]
    """
    left = [tf.cast(matrix, x.dtype) for matrix in matrices]

    def signed(m: int) -> tf.Tensor:
        if m == 1:
            return x
        first, second = signed(m // 2), signed(m // 2)
        a, b = left.pop(0), left.pop(0)
        r = a.shape[1]
        return tf.tensordot(first, a, 1) * tf.tensordot(second, b, 1) * r**-0.5

    return signed(degree // 2)


def _gaussian(rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(rows, columns))


def _orthogonal(rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    blocks = []
    for start in range(0, columns, rows):
        q, triangle = np.linalg.qr(random.normal(size=(rows, rows)))
        # Haar: the signs that QR leaves open are those of the triangle's diagonal.
        q *= np.sign(np.diag(triangle))
        blocks.append(q[:, : columns - start] * np.sqrt(rows))
    return np.concatenate(blocks, axis=1)


def _srht(rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    size = 1 << (rows - 1).bit_length()
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    blocks = []
    for start in range(0, columns, size):
        signs = random.choice([-1.0, 1.0], size=size)
        chosen = random.permutation(size)[: columns - start]
        blocks.append((signs[:, None] * hadamard)[:rows, chosen])
    return np.concatenate(blocks, axis=1)
