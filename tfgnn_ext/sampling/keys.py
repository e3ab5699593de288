"""The key of a draw: what makes sampling a pure function.

Whatever is drawn for a request is a function of ``(plan seed, epoch, operation, seed node, source
node)`` and of the source's adjacency alone. There is no generator state, so the engine, the number
of workers, the size of a batch, the order of the input and a retry cannot change the output.

The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable
Pseudorandom Number Generators", OOPSLA 2014), a bijection of 64-bit words; draw ``i`` of a request
is the SplitMix64 stream that starts at the request's key.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numba import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW32 = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)
_LINK = np.uint64(0x4C494E4B)  # No pair has the key of a node.


@njit(inline="always")
def finalise(word):  # type: ignore[no-untyped-def]
    """SplitMix64's finaliser: uint64 -> uint64, a bijection."""
    word = (word ^ (word >> _S30)) * _M1
    word = (word ^ (word >> _S27)) * _M2
    return word ^ (word >> _S31)


@njit(inline="always")
def mix(state, word):  # type: ignore[no-untyped-def]
    """Absorbs one 64-bit word into a key: ``finalise((state ^ word) + GOLDEN)``."""
    return finalise((state ^ word) + GOLDEN)


@njit(inline="always")
def draw(key, position):  # type: ignore[no-untyped-def]
    """The 64 random bits at `position` (uint64, from 0) of a request's stream."""
    return finalise(key + (position + _ONE) * GOLDEN)


@njit(inline="always")
def below(word, bound):  # type: ignore[no-untyped-def]
    """Maps 64 random bits to ``[0, bound)``: the high half of the 128-bit product ``word * bound``.

    The bias is below ``bound / 2**64``. Lemire: "Fast Random Integer Generation in an Interval",
    ACM TOMACS 2019.
    """
    word_high, word_low = word >> _S32, word & _LOW32
    bound_high, bound_low = bound >> _S32, bound & _LOW32
    middle = word_high * bound_low + ((word_low * bound_low) >> _S32)
    crossed = word_low * bound_high + (middle & _LOW32)
    return word_high * bound_high + (middle >> _S32) + (crossed >> _S32)


@njit(inline="always")
def unit(word):  # type: ignore[no-untyped-def]
    """Maps 64 random bits to a float64 in the open interval (0, 1)."""
    return (np.float64(word >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True)
def pair_keys(sources, targets):  # type: ignore[no-untyped-def]
    """The key words of seeds that are pairs, from those of their nodes: each uint64 [batch]."""
    keys = np.empty(sources.shape[0], np.uint64)
    for index in range(sources.shape[0]):
        keys[index] = mix(mix(_LINK, sources[index]), targets[index])
    return keys


@njit(cache=True)
def mix_keys(key, words):  # type: ignore[no-untyped-def]
    """`mix` of one key with each of some words: uint64 [batch]."""
    keys = np.empty(words.shape[0], np.uint64)
    for index in range(words.shape[0]):
        keys[index] = mix(key, words[index])
    return keys


def name_key(name: str) -> np.uint64:
    """A name as a key word: the first 8 bytes, little endian, of its BLAKE2b digest of 8 bytes.

    >>> int(name_key("cites")) == int(name_key("cites"))
    True
    """
    return np.uint64(
        int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    )


def _word(number: int) -> np.uint64:
    """An int64 as the 64-bit word of its two's complement."""
    return np.uint64(number & 0xFFFFFFFFFFFFFFFF)


@njit(cache=True)
def _absorb(first, second, third):  # type: ignore[no-untyped-def]
    return mix(mix(mix(np.uint64(0), first), second), third)


def operation_key(plan_seed: int, epoch: int, operation: np.uint64) -> np.uint64:
    """The part of the key that all requests of one operation in one epoch share.

    Args:
      plan_seed: The plan's seed, any int64.
      epoch: Counts fresh samples of the same plan; any int64.
      operation: `name_key` of the operation's name.

    Returns:
      A uint64 that the kernel mixes with the seed's and the source's key.
    """
    return np.uint64(_absorb(_word(plan_seed), _word(epoch), operation))
