"""A trader's book of invoices: one seller, customers, goods, and any of its invoices ready for the pack `invoice`.

What holds for every seed and all parameters (tests/domain/test_commerce.py checks each line):

- a line's net is quantity times price, its gross net plus tax; nets, tax of each rate, totals add up (`invoice_sums`);
- numbers follow each other without a gap, dates of issue never go back and are working days, every due date is later;
- the IBAN passes its checksum, the tax numbers have the shape of the country's and begin with 000;
- invoice n is the same however many invoices, and whichever of them, are asked for.

The invoice numbered `invoice` (1 is the first) lies at the top level of the output, where the pack expects one; `invoices`
holds all of them, and `products` the goods. Discounts are lines of their own, one for each rate, with a negative price. Prices
are drawn for currencies worth about one euro. There are no credit notes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, cast

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.errors import RenderFailed
from docugen_core.generators.commerce_words import CommerceWords, Goods, Trade, commerce_words
from docugen_core.generators.generator import Generator, GeneratorContext
from docugen_core.generators.iban import invent_account_number
from docugen_core.generators.invoice_sums import ROUNDINGS, Line, invoice_sums, rounded
from docugen_core.generators.word_lists import WordList, fill_digits, word_list

CURRENCIES = ("AUD", "CAD", "CHF", "EUR", "GBP", "NZD", "USD")
INVOICES_DEFAULT = 12
CUSTOMERS_DEFAULT = 6
LINES_DEFAULT = 12
DAYS_TO_PAY = (14, 30, 45, 60)

_EXACT = Context(prec=28, rounding=ROUND_HALF_EVEN)


def _count(description: str, maximum: int, default: int) -> JsonObject:
    return {"description": description, "type": "integer", "minimum": 1, "maximum": maximum, "default": default}


PARAMS_SCHEMA: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Parameters of commerce",
    "type": "object",
    "additionalProperties": False,
    "required": ["first_month"],
    "properties": {
        "first_month": {
            "description": "Month of the first invoice, YYYY-MM, from 1900-01 to 2199-12.",
            "type": "string",
            "pattern": "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$",
            "maxLength": 7,
        },
        "invoices": _count("How many invoices the book holds.", 200, INVOICES_DEFAULT),
        "invoice": _count("Which of them lies at the top level; 1 is the first. Not beyond `invoices`.", 200, 1),
        "customers": _count("How many customers there are.", 14, CUSTOMERS_DEFAULT),
        "lines_max": _count("Most lines of an invoice, discounts not counted.", 200, LINES_DEFAULT),
        "discounts": {"description": "Whether some invoices have one.", "type": "boolean", "default": True},
        "rounding": {
            "description": "Where value added tax is rounded: on the total of a rate, or on each line.",
            "enum": list(ROUNDINGS),
            "default": ROUNDINGS[0],
        },
        "currency": {
            "description": "ISO 4217 code of all amounts. Default: the one of the seller's country.",
            "enum": list(CURRENCIES),
        },
    },
}


def generate(params: JsonObject, context: GeneratorContext) -> JsonObject:
    """The book as plain JSON; amounts are decimal strings with two places, days are ISO dates. Pure.

    Raises RenderFailed when `invoice` lies beyond `invoices`.
    """
    # Arithmetic must not depend on what another library did to the thread's decimal context.
    with localcontext(_EXACT):
        return _generate(cast("Mapping[str, Any]", params), context)


@dataclass(frozen=True, slots=True)
class _Product:
    sku: str
    goods: Goods
    price: Decimal


@dataclass(frozen=True, slots=True)
class _Book:
    """What all invoices of a seed share."""

    seed: SeedStream
    language: WordList
    words: CommerceWords
    trade: Trade
    products: tuple[_Product, ...]
    params: Mapping[str, Any]


def _generate(params: Mapping[str, Any], context: GeneratorContext) -> JsonObject:
    count, chosen = params.get("invoices", INVOICES_DEFAULT), params.get("invoice", 1)
    if chosen > count:
        raise RenderFailed(
            f"commerce has {count} invoices and is asked for number {chosen}",
            code="GENERATOR_REFUSED",
            hint="Raise the parameter `invoices`, or lower `invoice`.",
        )
    seed, language, words = context.seed, word_list(context.language), commerce_words(context.language)
    trade = (seed / "trade").choice(words.trades)
    book = _Book(seed, language, words, trade, _products(trade, seed / "products"), params)
    seller, currency = _seller(book), params.get("currency") or words.currency
    invoices = [
        {"seller": seller, "currency": currency, **_invoice(book, number, day)}
        for number, day in enumerate(_days_of_issue(seed, params["first_month"], count), start=1)
    ]
    result: dict[str, Any] = {
        **invoices[chosen - 1],
        "products": [_product(product) for product in book.products],
        "invoices": invoices,
    }
    return result


def _products(trade: Trade, place: SeedStream) -> tuple[_Product, ...]:
    numbers = (place / "sku").sample(range(100, 1_000), len(trade.goods))
    return tuple(
        _Product(f"{trade.sku}-{number}", goods, (place / i / "price").decimal(*goods.price))
        for i, (number, goods) in enumerate(zip(numbers, trade.goods, strict=True))
    )


def _seller(book: _Book) -> dict[str, Any]:
    place, words = book.seed / "seller", book.words
    head, domain = (place / "head").choice(words.heads)
    account = invent_account_number(book.language.iban_country, place / "account")
    return {
        "name": f"{head} {book.trade.name} {(place / 'legal_form').choice(words.legal_forms)}",
        "address": book.language.invent_address(place / "address"),
        "email": f"office@{domain}-{book.trade.domain}.example",
        "phone": book.language.invent_phone(place / "phone"),
        "vat_id": fill_digits(words.vat_id, place / "vat_id"),
        "iban": account.iban,
        "bic": account.bic,
    }


def _invoice(book: _Book, number: int, day: dt.date) -> dict[str, Any]:
    place, words = book.seed / "invoices" / number, book.words
    customer = (place / "customer").below(book.params.get("customers", CUSTOMERS_DEFAULT))
    days = (book.seed / "customers" / customer / "days_to_pay").choice(DAYS_TO_PAY)
    notes = [words.terms.format(days=days)]
    if (place / "thanks").chance(1, 2):
        notes.append((place / "thanks" / "words").choice(words.thanks))
    lines = _lines(book, place / "lines")
    if book.params.get("discounts", True) and (place / "discount").chance(1, 3):
        lines += _discounts(lines, (place / "discount" / "percent").choice((2, 3, 5)), words)
    first = (book.seed / "first_number").between(101, 6_000)
    return {
        "buyer": _buyer(book, customer),
        "number": f"{book.trade.sku}-{first + number - 1:05d}",
        "issue_date": day.isoformat(),
        "due_date": (day + dt.timedelta(days=days)).isoformat(),
        **invoice_sums(lines, book.params.get("rounding", ROUNDINGS[0])),
        "notes": " ".join(notes),
    }


def _buyer(book: _Book, customer: int) -> dict[str, Any]:
    place = book.seed / "customers" / customer
    names = (book.seed / "customers" / "names").sample(book.words.customers, len(book.words.customers))
    buyer: dict[str, Any] = {"name": names[customer], "address": book.language.invent_address(place / "address")}
    if (place / "has_vat_id").chance(1, 2):
        buyer["vat_id"] = fill_digits(book.words.vat_id, place / "vat_id")
    return buyer


def _lines(book: _Book, place: SeedStream) -> list[Line]:
    count = (place / "count").between(1, book.params.get("lines_max", LINES_DEFAULT))
    products = book.products
    # Every article once before one comes again, each time in another order.
    order = [
        product
        for turn in range(-(-count // len(products)))
        for product in (place / "order" / turn).sample(products, len(products))
    ]
    return [
        Line(p.sku, p.goods.name, _quantity(book, p, place / i), p.goods.unit, p.price, p.goods.rate)
        for i, p in enumerate(order[:count])
    ]


def _quantity(book: _Book, product: _Product, place: SeedStream) -> Decimal:
    if product.goods.unit == book.words.flat:
        return Decimal((place / "quantity").weighted(((1, 5), (2, 1))))
    if product.goods.parts:
        return Decimal((place / "quarters").between(1, 160)) / 4
    return Decimal((place / "quantity").between(1, 24))


def _discounts(lines: list[Line], percent: int, words: CommerceWords) -> list[Line]:
    """One for each rate, so that the tax of the rate goes down with it; none where it would be less than a cent."""
    found = []
    for rate in dict.fromkeys(line.rate for line in lines):
        net = sum((line.net for line in lines if line.rate == rate), Decimal(0))
        off = rounded(-net * percent / 100)
        if off:
            found.append(Line("–", words.discount.format(percent=percent), Decimal(1), words.flat, off, rate))
    return found


def _days_of_issue(seed: SeedStream, first_month: str, count: int) -> list[dt.date]:
    """Monday to Friday, in order: each is a few days after the one before, whatever `count` is."""
    day = dt.date.fromisoformat(f"{first_month}-01") + dt.timedelta(days=(seed / "first_day").below(10))
    days = []
    for number in range(1, count + 1):
        days.append(day + dt.timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0))
        day += dt.timedelta(days=(seed / "invoices" / number / "days_to_the_next").below(5))
    return days


def _product(product: _Product) -> dict[str, Any]:
    goods = product.goods
    return {
        "sku": product.sku,
        "description": goods.name,
        "unit": goods.unit,
        "unit_price": str(product.price),
        "vat_rate": str(goods.rate),
    }


COMMERCE = Generator(
    name="commerce",
    version="1.0.0",
    description="A trader's book of invoices: seller, customers, goods, value added tax by rate, terms of payment.",
    params_schema=PARAMS_SCHEMA,
    generate=generate,
)
