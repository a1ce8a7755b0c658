"""Seeded values are fair. The seeds are fixed, so these are facts and cannot fail by chance.

The bounds are the 99.9 % points of the chi-square distribution.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from docugen_core.domain.seed import SeedStream


@pytest.mark.parametrize(("n", "bound"), [(2, 10.83), (7, 22.46), (10, 27.88), (100, 148.23)])
def test_below_is_uniform(n: int, bound: float) -> None:
    draws = 10_000
    counts = [0] * n
    for i in range(draws):
        counts[SeedStream.of("uniform", "draw", i).below(n)] += 1
    assert sum((count - draws / n) ** 2 / (draws / n) for count in counts) < bound


def test_neighbouring_places_are_independent() -> None:
    pairs = [[0] * 4 for _ in range(4)]
    for i in range(8_000):
        pairs[SeedStream.of("pairs", i).below(4)][SeedStream.of("pairs", i + 1).below(4)] += 1
    assert sum((count - 500) ** 2 / 500 for row in pairs for count in row) < 37.70


def test_weights_are_kept() -> None:
    weighted = [("a", 1), ("b", 2), ("c", 7)]
    counts = dict.fromkeys("abc", 0)
    for i in range(10_000):
        counts[SeedStream.of("weights", i).weighted(weighted)] += 1
    assert sum((counts[item] - 1_000 * weight) ** 2 / (1_000 * weight) for item, weight in weighted) < 13.82


def test_every_order_of_a_sample_is_equally_likely() -> None:
    counts: dict[str, int] = {}
    for i in range(6_000):
        order = "".join(SeedStream.of("orders", i).sample("abc", 3))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((count - 1_000) ** 2 / 1_000 for count in counts.values()) < 20.52


def test_a_normal_value_has_the_mean_and_deviation_asked_for() -> None:
    drawn = [SeedStream.of("bell", i).normal(Decimal(50), Decimal(8)) for i in range(2_000)]
    mean = sum(drawn, Decimal(0)) / len(drawn)
    variance = sum(((x - mean) ** 2 for x in drawn), Decimal(0)) / len(drawn)
    assert abs(mean - 50) < Decimal("0.6")
    assert abs(variance - 64) < 6
