"""Nobody real: the words, numbers and places of generated data belong to nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.generator import GeneratorContext
from docugen_core.generators.household_account import HOUSEHOLD_ACCOUNT
from docugen_core.generators.iban import invent_account_number, is_valid_iban
from docugen_core.generators.word_lists import LANGUAGES, word_list


def account(seed: str, locale: str) -> Any:
    context = GeneratorContext(SeedStream.of(seed, "generate", "household_account"), locale)
    return HOUSEHOLD_ACCOUNT.generate({"first_month": "2026-07", "months": 1, "transactions_per_month": 5}, context)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_kinds_of_words_and_no_word_twice(language: str) -> None:
    words, english = word_list(language), word_list("en")
    assert words.language == language
    assert words.patterns.keys() == english.patterns.keys()
    assert words.merchants.keys() == english.merchants.keys()
    assert len(words.months) == 12
    for kind in ("streets", "towns", "family", "phones"):
        assert len(set(getattr(words, kind))) == len(getattr(words, kind)) >= 5
    assert all(len(set(names)) == len(names) >= 2 for names in words.merchants.values())
    known = {"merchant", "town", "number", "person", "product", "month"}
    for pattern in words.patterns.values():
        assert {name for _, name, _, _ in Formatter().parse(pattern) if name is not None} <= known


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_need_latin_letters_only_and_some_have_accents(language: str) -> None:
    text = "".join(strings(word_list(language)))
    assert {character for character in text if ord(character) > 0x17F} <= {"–", "’"}
    assert any(0xC0 <= ord(character) <= 0x17F for character in text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_apostrophe_is_set_as_printers_set_it(language: str) -> None:
    """Generated French read "passage de l'Écluse" beside the labels' own "l’établissement"."""
    assert [words for words in strings(word_list(language)) if "'" in words] == []


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value.items()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
    else:
        parts = [getattr(value, name) for name in value.__slots__]
        yield from strings(parts)


@pytest.mark.parametrize(
    ("locale", "phone", "postcode", "iban"),
    [
        ("fr-FR", r"01 99 00 |02 61 91 |03 53 01 |04 65 71 |05 36 49 ", r"99\d{3} ", r"FR\d\d99999\d{18}"),
        ("en-GB", r"01632 960|020 7946 0|0113 496 0|0118 496 0|0131 496 0", r"ZZ\d+ ", r"GB\d\dZZZZ99999\d{9}"),
        ("de-DE", r"030 23125 |069 90009 |040 66969 |0221 4710 |089 99998 ", r"00\d{3} ", r"DE\d\d99999\d{13}"),
    ],
)
def test_no_number_place_or_address_can_belong_to_anybody(locale: str, phone: str, postcode: str, iban: str) -> None:
    for i in range(30):
        data = account(f"nobody-{i}", locale)
        institution = data["institution"]
        assert re.match(phone, institution["phone"])
        assert institution["email"].endswith(".example")
        assert institution["website"].endswith(".example")
        assert all(re.match(postcode, party["address"][-1]) for party in (institution, data["holder"]))
        assert re.fullmatch(iban, data["account"]["iban"])
        assert re.fullmatch(r"ZZZZ[A-Z]{2}X0XXX", data["account"]["bic"])


def test_known_ibans_pass_and_any_changed_digit_fails() -> None:
    # The examples of the IBAN registry (ISO 13616).
    for iban in ("GB29NWBK60161331926819", "FR1420041010050500013M02606", "DE89370400440532013000"):
        assert is_valid_iban(iban)
        for place in range(4, len(iban)):
            changed = iban[:place] + ("1" if iban[place] != "1" else "2") + iban[place + 1 :]
            assert not is_valid_iban(changed)


def test_a_french_account_number_carries_its_domestic_key() -> None:
    for i in range(50):
        bban = invent_account_number("FR", SeedStream.of(f"rib-{i}")).iban[4:]
        bank, branch, number, key = int(bban[:5]), int(bban[5:10]), int(bban[10:21]), int(bban[21:])
        assert (89 * bank + 15 * branch + 3 * number + key) % 97 == 0
        assert 1 <= key <= 97
