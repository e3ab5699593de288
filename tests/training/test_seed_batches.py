from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from tfgnn_ext.training.class_weights import class_weights
from tfgnn_ext.training.seed_batches import SeedBatches

GOLDEN = [3, 5, 6, 4, 0, 2, 1]


def _epoch(batches: SeedBatches, epoch: int, replicas: int = 1) -> np.ndarray:
    steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
    return np.concatenate([batches(step, r)[0] for step in steps for r in range(replicas)])


def test_golden_order() -> None:
    """The stable sort of Philox's words of key (3, 1): a change of NumPy's would show here."""
    words = np.random.Philox(key=np.array([3, 1], np.uint64)).random_raw(7)
    expected = sorted(range(7), key=lambda i: (int(words[i]), i))
    assert SeedBatches(7, 2, seed=3).order(1).tolist() == expected == GOLDEN


@pytest.mark.parametrize(("partial", "steps"), [("drop", 3), ("wrap", 4), ("pad", 4)])
def test_partial_batches(partial: str, steps: int) -> None:
    batches = SeedBatches(17, 5, seed=1, partial=partial)  # type: ignore[arg-type]
    assert batches.steps_per_epoch == steps
    for epoch in (0, 1):
        seen = _epoch(batches, epoch)
        order = batches.order(epoch)
        assert seen[:15].tolist() == order[:15].tolist()
        if partial == "wrap":
            assert seen[15:].tolist() == [*order[15:], *order[:3]]
        if partial == "pad":
            _, weights, number = batches(steps * epoch + 3)
            assert weights.tolist() == [1, 1, 0, 0, 0]
            assert number == epoch
            assert seen[15:].tolist() == [*order[15:], *[order[-1]] * 3]


def test_a_step_is_a_pure_function_of_seed_and_step() -> None:
    one, other = (SeedBatches(101, 7, seed=5) for _ in range(2))
    steps = np.random.default_rng(0).permutation(60).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(steps, pool.map(one, steps), strict=True))
    for step in range(60):
        for a, b in zip(found[step], other(step), strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.order(0).tolist() != one.order(1).tolist()
    assert one.order(0).tolist() != SeedBatches(101, 7, seed=6).order(0).tolist()


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_replicas_share_an_epoch_without_overlap(replicas: int) -> None:
    batches = SeedBatches(24, 4, seed=2, replicas=replicas)
    assert sorted(_epoch(batches, 1, replicas).tolist()) == list(range(24))


def test_first_positions_are_uniform() -> None:
    """Chi-square over which seed comes first, at level 1e-4; without shuffling it must fail."""
    epochs, seeds = 5000, 10

    def p_value(shuffle: bool) -> float:
        batches = SeedBatches(seeds, 1, seed=9, shuffle=shuffle)
        first = [batches._order(epoch)[0] for epoch in range(epochs)]
        return float(stats.chisquare(np.bincount(first, minlength=seeds)).pvalue)

    assert p_value(True) > 1e-4
    assert p_value(False) < 1e-4


def test_weighted_draws() -> None:
    """Of weights 0, 1, 3 three quarters of the draws are the last; chi-square at level 1e-4."""
    batches = SeedBatches(3, 1, seed=4, draw_weights=[0, 1, 3])
    drawn = np.bincount(
        np.concatenate([batches._order(epoch) for epoch in range(4000)]), minlength=3
    )
    assert drawn[0] == 0
    assert stats.chisquare(drawn[1:], np.array([0.25, 0.75]) * drawn.sum()).pvalue > 1e-4
    assert stats.chisquare(drawn[1:], np.array([0.3, 0.7]) * drawn.sum()).pvalue < 1e-4


def test_weights_follow_seeds_and_epoch_follows_resample() -> None:
    batches = SeedBatches(6, 2, weights=np.arange(6), resample=False)
    for step in range(6):
        positions, weights, epoch = batches(step)
        assert weights.tolist() == positions.tolist()
        assert epoch == 0
    assert SeedBatches(6, 2)(5)[2] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_seeds": 0}, "`num_seeds` .* Got 0"),
        ({"batch_size": 11}, "`batch_size` .* at most the number of seeds, 10"),
        ({"seed": -1}, "`seed` .* Got -1"),
        ({"partial": "keep"}, "`partial` .* drop, wrap, pad. Got 'keep'"),
        ({"weights": [1.0]}, "`weights` .* 10 finite"),
        ({"draw_weights": np.zeros(10)}, "`draw_weights` .* not all be 0"),
        ({"draw_weights": np.ones(10), "shuffle": False}, "`draw_weights` .* None without"),
        ({"replicas": True}, "`replicas` .* Got True"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeedBatches(**{"num_seeds": 10, "batch_size": 3, **options})  # type: ignore[arg-type]


def test_class_weights() -> None:
    """4 labels, 2 classes that occur: 4 / (2 x 3) and 4 / (2 x 1); the absent class gets 0."""
    labels = np.array([0, 0, 0, 2])
    weights = class_weights(labels, 3, "balanced")
    assert weights.tolist() == pytest.approx([2 / 3, 0, 2])
    assert weights[labels].mean() == pytest.approx(1)
    assert class_weights(labels, 3, [1, 2, 3]).tolist() == [1, 2, 3]
    for wrong in ("even", [1, 2], [1, -1, 1]):
        with pytest.raises(ValueError, match="`weights` of `class_weights` must be"):
            class_weights(labels, 3, wrong)  # type: ignore[arg-type]
