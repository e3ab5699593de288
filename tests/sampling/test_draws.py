"""The distributions of the draws, at a stated level, with samplers that must fail the same test."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from tfgnn_ext.sampling.draws import LATEST_K, UNIFORM, WEIGHTED, draw_edges, draw_weighted
from tfgnn_ext.sampling.keys import mix

LEVEL = 1e-4  # Each test rejects a true sampler with this probability; keys are fixed.
DRAWS = 40_000
NONE = np.empty(0, np.int64)
Draw = Callable[[np.uint64, np.ndarray], int]


def counts(draw: Draw, fanout: int) -> Counter[tuple[int, ...]]:
    out = np.empty(64, np.int64)
    found: Counter[tuple[int, ...]] = Counter()
    for number in range(DRAWS):
        key = np.uint64(mix(np.uint64(12345), np.uint64(number)))
        taken = draw(key, out)
        assert taken == fanout
        found[tuple(out[:taken].tolist())] += 1
    return found


def p_value(found: Counter[tuple[int, ...]], expected: dict[tuple[int, ...], float]) -> float:
    observed = np.array([found[subset] for subset in expected], float)
    wanted = np.array(list(expected.values())) * DRAWS
    assert set(found) <= set(expected)
    return float(stats.chisquare(observed, wanted).pvalue)


def uniform(key: np.uint64, out: np.ndarray) -> int:
    return int(draw_edges(UNIFORM, key, NONE, NONE, 0, 7, 3, out))


def test_uniform_subsets_are_equally_likely() -> None:
    subsets = list(itertools.combinations(range(7), 3))
    expected = dict.fromkeys(subsets, 1 / len(subsets))
    assert p_value(counts(uniform, 3), expected) > LEVEL


def test_a_biased_sampler_fails_the_same_test() -> None:
    """Floyd's algorithm with its classic mistake: a draw below `last` instead of `last + 1`."""

    def biased(key: np.uint64, out: np.ndarray) -> int:
        chosen: set[int] = set()
        random = np.random.default_rng(int(key))
        for last in range(4, 7):
            choice = int(random.integers(0, last))
            chosen.add(last if choice in chosen else choice)
        out[:3] = sorted(chosen)
        return 3

    subsets = list(itertools.combinations(range(7), 3))
    expected = dict.fromkeys(subsets, 1 / len(subsets))
    assert p_value(counts(biased, 3), expected) < LEVEL


WEIGHTS = np.array([5, 1, 0, 2, 8, 4])


def successive(weights: np.ndarray, fanout: int) -> dict[tuple[int, ...], float]:
    """The probability of each subset under successive weighted draws without replacement."""
    expected: Counter[tuple[int, ...]] = Counter()
    for order in itertools.permutations(np.flatnonzero(weights).tolist(), fanout):
        left, probability = float(weights.sum()), 1.0
        for index in order:
            probability *= weights[index] / left
            left -= weights[index]
        expected[tuple(sorted(order))] += probability
    return dict(expected)


def weighted(key: np.uint64, out: np.ndarray) -> int:
    return int(draw_edges(WEIGHTED, key, np.cumsum(WEIGHTS), NONE, 0, 6, 2, out))


def test_weighted_subsets_have_their_probabilities() -> None:
    assert p_value(counts(weighted, 2), successive(WEIGHTS, 2)) > LEVEL


def test_weighted_draws_ignoring_weights_fail_the_same_test() -> None:
    ones = np.cumsum((WEIGHTS > 0).astype(np.int64))

    def flat(key: np.uint64, out: np.ndarray) -> int:
        return int(draw_edges(WEIGHTED, key, ones, NONE, 0, 6, 2, out))

    assert p_value(counts(flat, 2), successive(WEIGHTS, 2)) < LEVEL


def test_the_remainder_has_the_same_distribution() -> None:
    """One weight so heavy that rejections run out: exponential keys draw the rest."""
    weights = np.array([3, 10**9, 1, 2, 5])
    cumulative = np.cumsum(weights)

    def draw(key: np.uint64, out: np.ndarray) -> int:
        return int(draw_weighted(key, cumulative, 0, 5, 3, out))

    found = counts(draw, 3)
    pairs = Counter({tuple(i for i in subset if i != 1): n for subset, n in found.items()})
    rest = np.where(np.arange(5) == 1, 0, weights)
    assert p_value(pairs, successive(rest, 2)) > LEVEL


def test_zero_weights_are_never_drawn() -> None:
    out = np.empty(8, np.int64)
    cumulative = np.cumsum([0, 3, 0, 1, 0])
    for number in range(100):
        key = np.uint64(mix(np.uint64(1), np.uint64(number)))
        taken = draw_edges(WEIGHTED, key, cumulative, NONE, 0, 5, 4, out)
        assert out[:taken].tolist() == [1, 3]
    assert draw_edges(WEIGHTED, np.uint64(1), np.zeros(3, np.int64), NONE, 0, 3, 2, out) == 0


@pytest.mark.parametrize(("length", "expected"), [(5, [2, 3, 4]), (3, [0, 1, 2]), (1, [0])])
def test_latest_k_is_the_end_of_the_prefix(length: int, expected: list[int]) -> None:
    out = np.empty(8, np.int64)
    taken = draw_edges(LATEST_K, np.uint64(0), NONE, NONE, 0, length, 3, out)
    assert out[:taken].tolist() == expected


def test_many_requests_share_no_draws() -> None:
    """Draws of neighbouring keys are uncorrelated: the joint counts of two sources fit."""
    out, other = np.empty(4, np.int64), np.empty(4, np.int64)
    table = np.zeros((5, 5))
    for number in range(DRAWS):
        key = np.uint64(mix(np.uint64(7), np.uint64(number)))
        draw_edges(UNIFORM, np.uint64(mix(key, np.uint64(0))), NONE, NONE, 0, 5, 1, out)
        draw_edges(UNIFORM, np.uint64(mix(key, np.uint64(1))), NONE, NONE, 0, 5, 1, other)
        table[out[0], other[0]] += 1
    assert stats.chi2_contingency(table).pvalue > LEVEL
    assert stats.chisquare(table.reshape(-1)).pvalue > LEVEL
