"""Keyed seed streams: every value depends on the seed and its own path, and on nothing else.

    raw(path) = BLAKE2b(message = canonical JSON array of the path, key = SHA-256("docugen.seed.v1" NUL seed),
                        person = "docugen/v1", digest_size = 8)            read as a big-endian 64-bit integer
    below(n)  = raw * n >> 64                                              (multiply-shift; bias < n / 2**64)

There is no sequence to advance: adding a field, reordering rows or rendering in parallel never shifts another value. No
library decides a value, so no library release can change one. Test vectors: docs/reference/seed-vectors.json.

In here: integer and fraction arithmetic only. Floating point would tie values to a libm, Decimal arithmetic to the precision
and rounding of the thread's decimal context.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import TypeVar

SEED_PREFIX = b"docugen.seed.v1"
PERSON = b"docugen/v1"
SEED_BYTES_MAX = 128
PATH_INTEGER_MAX = 2**53 - 1

T = TypeVar("T")
PathPart = str | int


def seed_key(seed: str) -> bytes:
    """The 32-byte key of a seed. `seed` is any text of 1 to 128 UTF-8 bytes; raises ValueError beyond that."""
    raw = seed.encode()
    if not 1 <= len(raw) <= SEED_BYTES_MAX:
        raise ValueError(f"a seed has 1 to {SEED_BYTES_MAX} bytes, this one {len(raw)}")
    return hashlib.sha256(SEED_PREFIX + b"\0" + raw).digest()


@dataclass(frozen=True, slots=True)
class SeedStream:
    """A place in the tree of seeded values. `stream / "items" / 3 / "price"` is the place of one value.

    Every method is a pure function of (seed, path): two calls at one place return the same value. Go one step down the
    path (`/`) for a new one. Parts of a path are text without lone surrogates, or integers within +-(2**53 - 1): what RFC 8785
    can write. Others raise ValueError, an integer when the path is made, a surrogate when a value is asked for.
    """

    key: bytes
    path: tuple[PathPart, ...] = ()

    @classmethod
    def of(cls, seed: str, *path: PathPart) -> SeedStream:
        """The place `path` in the tree of `seed`. Raises ValueError for a seed or a path that cannot be written."""
        return cls(seed_key(seed), tuple(_checked(part) for part in path))

    def __truediv__(self, part: PathPart) -> SeedStream:
        return SeedStream(self.key, (*self.path, _checked(part)))

    def raw(self) -> int:
        """The 64-bit value of this place, 0 <= value < 2**64."""
        # For strings and integers json.dumps in this form *is* RFC 8785; a property test compares the two.
        message = json.dumps(self.path, ensure_ascii=False, separators=(",", ":")).encode()
        digest = hashlib.blake2b(message, digest_size=8, key=self.key, person=PERSON).digest()
        return int.from_bytes(digest, "big")

    def below(self, n: int) -> int:
        """An integer 0 <= value < n; 1 <= n <= 2**32 (beyond that the bias would no longer be negligible)."""
        if not 1 <= n <= 1 << 32:
            raise ValueError(f"below() takes 1 to 2**32, not {n}")
        return self.raw() * n >> 64

    def between(self, low: int, high: int) -> int:
        """An integer low <= value <= high, both ends included. Raises ValueError unless 1 to 2**32 integers lie there."""
        return low + self.below(high - low + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """True with probability numerator / denominator."""
        return self.below(denominator) < numerator

    def choice(self, items: Sequence[T]) -> T:
        """One of `items`. Appending an item changes choices: word lists are versioned data."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """One of `items`, each a pair of value and positive integer weight."""
        left = self.below(sum(weight for _, weight in items))
        for item, weight in items:
            if left < weight:
                return item
            left -= weight
        raise AssertionError("below(total) is smaller than the total")

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items in seeded order (Fisher-Yates, one place a step)."""
        if not 0 <= count <= len(items):
            raise ValueError(f"cannot take {count} of {len(items)}")
        pool = list(items)
        for i in range(count):
            j = i + (self / "sample" / i).below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]

    def decimal(self, low: Decimal, high: Decimal, places: int = 2) -> Decimal:
        """A decimal low <= value <= high with `places` digits after the point, all such decimals equally likely.

        Raises ValueError when there is none, or more than 2**32.
        """
        lowest, highest = (Fraction(bound) * 10**places for bound in (low, high))
        return _decimal(self.between(ceil(lowest), floor(highest)), places)

    def date(self, first: dt.date, last: dt.date) -> dt.date:
        """A day first <= value <= last."""
        return first + dt.timedelta(days=self.below((last - first).days + 1))

    def normal(self, mean: Decimal, deviation: Decimal, places: int = 2) -> Decimal:
        """About normal, within six deviations: Irwin-Hall, the sum of twelve uniform values (no libm involved).

        Rounded half to even at `places` digits after the point.
        """
        total = sum((self / "normal" / i).below(1 << 20) for i in range(12))
        z = Fraction(total, 1 << 20) - 6
        return _decimal(round((Fraction(mean) + z * Fraction(deviation)) * 10**places), places)


def _checked(part: PathPart) -> PathPart:
    if isinstance(part, int) and not -PATH_INTEGER_MAX <= part <= PATH_INTEGER_MAX:
        raise ValueError(f"an integer in a seed path lies within +-(2**53 - 1), this one is {part}; write it as text")
    return part


def _decimal(units: int, places: int) -> Decimal:
    """units / 10**places, exactly: making a Decimal from text asks no decimal context."""
    return Decimal(f"{units}e-{places}")
