"""Seeded values: the published vectors, recomputed here from first principles, and the laws every value obeys."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from docugen_core.domain.seed import PATH_INTEGER_MAX, PathPart, SeedStream, seed_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

VECTORS: Any = json.loads((Path(__file__).parents[2] / "docs/reference/seed-vectors.json").read_text("utf-8"))

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SEEDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=32)
PATHS = st.lists(TEXTS | st.integers(-PATH_INTEGER_MAX, PATH_INTEGER_MAX), max_size=5).map(tuple)


# First principles: hashlib, and JSON written by hand. Nothing of DocuGen, nothing of json.dumps.


def written(part: str | int) -> str:
    if isinstance(part, int):
        return str(part)
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 else c) for c in part) + '"'


def message(path: list[str | int]) -> str:
    return "[" + ",".join(written(part) for part in path) + "]"


def value(seed: str, path: list[str | int]) -> int:
    key = hashlib.sha256(b"docugen.seed.v1\x00" + seed.encode()).digest()
    digest = hashlib.blake2b(message(path).encode(), digest_size=8, key=key, person=b"docugen/v1").digest()
    return int.from_bytes(digest, "big")


def scaled(seed: str, path: list[str | int], n: int) -> int:
    return value(seed, path) * n // 2**64


def text_of(units: int, places: int) -> str:
    """units / 10**places in decimal notation."""
    digits = f"{abs(units):0{places + 1}d}"
    point = len(digits) - places
    return ("-" if units < 0 else "") + digits[:point] + ("." + digits[point:] if places else "")


def by_first_principles(vector: Any) -> dict[str, Any]:
    """What `vector` must say, computed from its `seed` and `path` and the arguments in it."""
    seed, path = vector["seed"], vector["path"]
    answers: dict[str, Any] = {}
    match vector["kind"]:
        case "raw":
            answers = {
                "key": hashlib.sha256(b"docugen.seed.v1\x00" + seed.encode()).hexdigest(),
                "message": message(path),
                "raw": str(value(seed, path)),
                "below_10": scaled(seed, path, 10),
                "below_1000": scaled(seed, path, 1000),
                "below_2_32": scaled(seed, path, 2**32),
            }
        case "between":
            answers = {"value": vector["low"] + scaled(seed, path, vector["high"] - vector["low"] + 1)}
        case "chance":
            answers = {"value": scaled(seed, path, vector["denominator"]) < vector["numerator"]}
        case "choice":
            answers = {"value": vector["items"][scaled(seed, path, len(vector["items"]))]}
        case "weighted":
            tickets = [item for item, weight in vector["items"] for _ in range(weight)]
            answers = {"value": tickets[scaled(seed, path, len(tickets))]}
        case "sample":
            pool = list(vector["items"])
            for i in range(vector["count"]):
                j = i + scaled(seed, [*path, "sample", i], len(pool) - i)
                pool[i], pool[j] = pool[j], pool[i]
            answers = {"value": pool[: vector["count"]]}
        case "decimal":
            low, high = (Fraction(vector[end]) * 10 ** vector["places"] for end in ("low", "high"))
            first = -(-low.numerator // low.denominator)
            last = high.numerator // high.denominator
            answers = {"value": text_of(first + scaled(seed, path, last - first + 1), vector["places"])}
        case "date":
            first_day, last_day = (dt.date.fromisoformat(vector[end]).toordinal() for end in ("first", "last"))
            answers = {
                "value": dt.date.fromordinal(first_day + scaled(seed, path, last_day - first_day + 1)).isoformat()
            }
        case "normal":
            total = sum(scaled(seed, [*path, "normal", i], 2**20) for i in range(12))
            exact = Fraction(vector["mean"]) + (Fraction(total, 2**20) - 6) * Fraction(vector["deviation"])
            answers = {"value": text_of(round(exact * 10 ** vector["places"]), vector["places"])}
    return answers


def by_docugen(vector: Any) -> dict[str, Any]:
    stream = SeedStream.of(vector["seed"], *vector["path"])
    match vector["kind"]:
        case "raw":
            return {
                "key": seed_key(vector["seed"]).hex(),
                "message": vector["message"],
                "raw": str(stream.raw()),
                "below_10": stream.below(10),
                "below_1000": stream.below(1000),
                "below_2_32": stream.below(2**32),
            }
        case "between":
            return {"value": stream.between(vector["low"], vector["high"])}
        case "chance":
            return {"value": stream.chance(vector["numerator"], vector["denominator"])}
        case "choice":
            return {"value": stream.choice(vector["items"])}
        case "weighted":
            return {"value": stream.weighted([(item, weight) for item, weight in vector["items"]])}
        case "sample":
            return {"value": stream.sample(vector["items"], vector["count"])}
        case "decimal":
            return {"value": str(stream.decimal(Decimal(vector["low"]), Decimal(vector["high"]), vector["places"]))}
        case "date":
            first, last = (dt.date.fromisoformat(vector[end]) for end in ("first", "last"))
            return {"value": stream.date(first, last).isoformat()}
        case "normal":
            mean, deviation = Decimal(vector["mean"]), Decimal(vector["deviation"])
            return {"value": str(stream.normal(mean, deviation, vector["places"]))}
        case kind:
            raise AssertionError(f"unknown kind of vector: {kind}")


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: f"{v['kind']}-{v['seed'][:12]}-{v['path']}")
def test_the_published_vectors_are_what_the_formula_says_and_what_docugen_does(vector: Any) -> None:
    expected = by_first_principles(vector)
    assert expected
    assert {key: vector[key] for key in expected} == expected
    assert by_docugen(vector) == expected


def test_the_published_vectors_cover_every_kind_of_value() -> None:
    kinds = {"raw", "between", "chance", "choice", "weighted", "sample", "decimal", "date", "normal"}
    assert {vector["kind"] for vector in VECTORS["vectors"]} == kinds


# What a path means


@given(seed=SEEDS, path=PATHS)
@example(seed="s", path=("".join(map(chr, range(0x80))), "\u2028\u2029\ufeff", "𝄞\U0010ffff", -0, PATH_INTEGER_MAX))
def test_a_value_hashes_the_rfc_8785_form_of_its_path(seed: str, path: tuple[PathPart, ...]) -> None:
    assert message(list(path)).encode() == rfc8785.dumps(list(path))
    assert SeedStream.of(seed, *path).raw() == value(seed, list(path))


@given(seed=SEEDS, path=PATHS)
def test_stepping_down_a_path_is_the_same_as_naming_it_whole(seed: str, path: tuple[PathPart, ...]) -> None:
    stream = SeedStream.of(seed)
    for part in path:
        stream = stream / part
    assert stream == SeedStream.of(seed, *path)


@given(paths=st.lists(PATHS, min_size=2, max_size=6), data=st.data())
def test_values_do_not_depend_on_the_order_they_are_asked_in(
    paths: list[tuple[PathPart, ...]], data: st.DataObject
) -> None:
    stream = SeedStream.of("order")
    places = [SeedStream(stream.key, path) for path in paths]
    there = {place.path: (place.raw(), place.sample("abcdef", 3), place.below(7)) for place in places}
    shuffled = data.draw(st.permutations(places))
    assert {place.path: (place.raw(), place.sample("abcdef", 3), place.below(7)) for place in shuffled} == there


@given(one=PATHS, other=PATHS)
@example(one=("a", "b"), other=("a,b",))
@example(one=("a",), other=('a"',))
@example(one=(1,), other=("1",))
@example(one=(), other=("",))
def test_two_paths_share_no_value(one: tuple[PathPart, ...], other: tuple[PathPart, ...]) -> None:
    stream = SeedStream.of("isolation")
    values = SeedStream(stream.key, one).raw(), SeedStream(stream.key, other).raw()
    assert (values[0] == values[1]) == (one == other)


@given(one=SEEDS, other=SEEDS)
@example(one="a", other="a ")
@example(one="é", other="e\u0301")
def test_two_seeds_share_no_value(one: str, other: str) -> None:
    assert (SeedStream.of(one, "x").raw() == SeedStream.of(other, "x").raw()) == (one == other)


# What is refused


@pytest.mark.parametrize("seed", ["", "x" * 129, "é" * 65, "\ud800"])
def test_a_seed_that_is_not_1_to_128_utf8_bytes_is_refused(seed: str) -> None:
    with pytest.raises(ValueError, match=r"1 to 128 bytes|surrogates"):
        SeedStream.of(seed)


@pytest.mark.parametrize("seed", ["x", "é" * 64, "\x00", " "])
def test_any_other_text_is_a_seed(seed: str) -> None:
    assert 0 <= SeedStream.of(seed).raw() < 2**64


def test_a_lone_surrogate_in_a_path_has_no_value() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        (SeedStream.of("x") / "\udc80").raw()
    with pytest.raises(ValueError, match="non-UTF-8"):
        rfc8785.dumps(["\udc80"])


@pytest.mark.parametrize("part", [2**53, -(2**53)])
def test_an_integer_that_other_languages_cannot_write_is_no_part_of_a_path(part: int) -> None:
    with pytest.raises(ValueError, match="write it as text"):
        SeedStream.of("x") / part
    with pytest.raises(ValueError, match="write it as text"):
        SeedStream.of("x", "a", part)


@pytest.mark.parametrize("n", [0, -1, 2**32 + 1])
def test_below_refuses_what_it_cannot_draw_fairly(n: int) -> None:
    with pytest.raises(ValueError, match="1 to 2"):
        SeedStream.of("x").below(n)


def test_impossible_wishes_are_refused() -> None:
    stream = SeedStream.of("x")
    wishes: list[Callable[[], object]] = [
        lambda: stream.between(2, 1),
        lambda: stream.choice([]),
        lambda: stream.weighted([]),
        lambda: stream.sample("abc", 4),
        lambda: stream.sample("abc", -1),
        lambda: stream.decimal(Decimal("0.001"), Decimal("0.009")),
        lambda: stream.date(dt.date(2026, 1, 2), dt.date(2026, 1, 1)),
    ]
    for wish in wishes:
        with pytest.raises(ValueError, match=r"below\(\) takes|cannot take"):
            wish()


# What values look like


@given(seed=SEEDS, n=st.integers(1, 2**32))
def test_below_stays_below(seed: str, n: int) -> None:
    assert 0 <= SeedStream.of(seed).below(n) < n


@given(seed=SEEDS, low=st.integers(-(10**12), 10**12), span=st.integers(0, 2**32 - 1))
def test_between_stays_between(seed: str, low: int, span: int) -> None:
    assert low <= SeedStream.of(seed).between(low, low + span) <= low + span


@given(
    seed=SEEDS,
    low=st.decimals(-10_000, 10_000, places=4),
    span=st.decimals(Decimal("0.01"), 10_000, places=4),
    places=st.integers(0, 4),
)
@example(seed="x", low=Decimal("0.009"), span=Decimal("0.0101"), places=2)
@example(seed="x", low=Decimal("-0.0199"), span=Decimal("0.0101"), places=2)
def test_a_decimal_stays_in_its_bounds_even_when_they_have_more_digits(
    seed: str, low: Decimal, span: Decimal, places: int
) -> None:
    high = low + max(span, Decimal(1).scaleb(-places))
    drawn = SeedStream.of(seed).decimal(low, high, places)
    assert low <= drawn <= high
    assert drawn.as_tuple().exponent == -places


@given(seed=SEEDS, first=st.dates(), last=st.dates())
def test_a_date_stays_in_its_bounds(seed: str, first: dt.date, last: dt.date) -> None:
    first, last = min(first, last), max(first, last)
    assert first <= SeedStream.of(seed).date(first, last) <= last


@given(seed=SEEDS, items=st.lists(st.integers(), min_size=1, max_size=20, unique=True), data=st.data())
def test_a_sample_holds_different_items_and_a_shorter_one_is_its_beginning(
    seed: str, items: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(items)))
    stream, before = SeedStream.of(seed), list(items)
    drawn = stream.sample(items, count)
    assert len(set(drawn)) == count
    assert set(drawn) <= set(items)
    assert stream.sample(items, len(items))[:count] == drawn
    assert items == before


@given(seed=SEEDS)
def test_an_item_of_weight_zero_is_never_drawn(seed: str) -> None:
    assert SeedStream.of(seed).weighted([("never", 0), ("always", 3), ("nor this", 0)]) == "always"


@settings(max_examples=30)
@given(seed=SEEDS, mean=st.decimals(-1000, 1000, places=2), deviation=st.decimals(0, 100, places=2))
def test_a_normal_value_lies_within_six_deviations(seed: str, mean: Decimal, deviation: Decimal) -> None:
    assert abs(SeedStream.of(seed).normal(mean, deviation) - mean) <= 6 * deviation


def test_values_do_not_depend_on_the_decimal_context_of_the_thread() -> None:
    places = [SeedStream.of("context", i) for i in range(40)]

    def drawn() -> list[tuple[str, str]]:
        bounds, shape = (Decimal("-1.005"), Decimal("12345.678")), (Decimal("100.125"), Decimal("33.333"))
        return [(str(place.decimal(*bounds)), str(place.normal(*shape))) for place in places]

    expected = drawn()
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_UP
        assert drawn() == expected
