"""The letter an invented person puts on top of a file of payslips and statements: the data of the pack `letter`.

Its figures are those of the documents beneath it; nothing is computed twice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from docugen_core.domain.seed import SeedStream
from docugen_core.generators.account_record import money
from docugen_core.generators.household import Household
from docugen_core.generators.iban import digits
from docugen_core.generators.payroll_scheme import PayrollScheme
from docugen_core.generators.word_lists import WordList


@dataclass(frozen=True, slots=True)
class FinanceFile:
    """What the letter speaks of. record: the account; payslips: those of its period."""

    scheme: PayrollScheme
    household: Household
    persona: dict[str, Any]
    employer: str
    position: str
    hired_on: dt.date
    currency: str
    overdraft_limit: Decimal
    record: dict[str, Any]
    payslips: list[dict[str, Any]]


def make_letter(file: FinanceFile, seed: SeedStream) -> dict[str, Any]:
    """sender, recipient, references, subject, salutation, body, closing, signatory, enclosures."""
    words, letter = file.household.words, file.scheme.letter
    facts = _facts(file)
    agencies = [name for name in words.merchants["rent"] if name != file.household.landlord]
    enclosures = ("enclosure_payslips", "enclosure_statement", "enclosure_proof", "enclosure_summary")
    return {
        "sender": {
            "name": file.persona["name"],
            "address": list(file.persona["address"]),
            "phone": words.invent_phone(seed / "phone"),
        },
        "recipient": {
            "name": (seed / "recipient").choice(agencies),
            "address": [letter["department"], *words.invent_address(seed / "recipient" / "address")],
        },
        "references": [{"label": letter["reference"], "value": f"L-{digits(seed / 'reference', 6)}"}],
        "subject": letter["subject"],
        "salutation": letter["salutation"],
        "body": [
            letter["opening"].format_map(facts),
            letter["employment"].format_map(facts),
            letter["figures"],
            {"amounts": _amounts(file, facts)},
            letter["offer"],
        ],
        "closing": letter["closing"],
        "signatory": {"name": file.persona["name"]},
        "enclosures": [letter[name].format_map(facts) for name in enclosures],
    }


def written_day(scheme: PayrollScheme, words: WordList, day: dt.date) -> str:
    """`day` in a sentence: 1er mars 2026, 1 March 2026, 1. März 2026."""
    number = scheme.first_of_month if day.day == 1 else str(day.day)
    return scheme.day_pattern.format(day=number, month=words.months[day.month - 1], year=day.year)


def _facts(file: FinanceFile) -> dict[str, str]:
    """What stands in the braces of the letter's words."""
    words = file.household.words
    first, last = (dt.date.fromisoformat(file.record["period"][end]) for end in ("first", "last"))
    return {
        "first": written_day(file.scheme, words, first),
        "last": written_day(file.scheme, words, last),
        "first_month": f"{words.months[first.month - 1]} {first.year}",
        "last_month": f"{words.months[last.month - 1]} {last.year}",
        "count": str(len(file.payslips)),
        "employer": file.employer,
        "position": file.position,
        "hired_on": written_day(file.scheme, words, file.hired_on),
    }


def _amounts(file: FinanceFile, facts: dict[str, str]) -> dict[str, Any]:
    letter = file.scheme.letter
    total = Decimal(money(Decimal(payslip["net"]) for payslip in file.payslips))
    average = (total / len(file.payslips)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    lines = (
        ("total_net", str(total)),
        ("average_net", str(average)),
        ("rent", str(file.household.rent)),
        ("overdraft", str(file.overdraft_limit)),
    )
    return {
        "currency": file.currency,
        "lines": [{"label": letter[name], "amount": amount} for name, amount in lines],
        "total": {"label": letter["balance"].format_map(facts), "amount": file.record["closing_balance"]},
    }
