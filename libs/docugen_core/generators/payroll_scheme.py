"""Words and scheme of invented payrolls, one small versioned file a language, in `words/payroll/`.

A scheme is simplified and invented: contributions on gross pay, some below or beyond a ceiling, and one tax whose rate follows
the base salary. It is nobody's tariff, and every payslip made by it says so (`remark`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from docugen_core.generators.word_lists import FALLBACK_LANGUAGE, LANGUAGES


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line of every payslip.

    base: gross, capped (up to the ceiling), above (beyond it), most (98 % of gross), reduced (gross less the allowance) or
    flat (amounts, no rates). employee, employer: percent of the base, or amounts; None where that side pays nothing. taxable:
    the employee's share does not lower the taxable pay.
    """

    section: str
    label: str
    base: str
    employee: Decimal | None
    employer: Decimal | None
    taxable: bool


@dataclass(frozen=True, slots=True)
class TaxBracket:
    """rate: percent, for base salaries of a month not beyond `up_to`; None has no bound."""

    up_to: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class PayrollScheme:
    """All that payrolls of one language have in common. Amounts are in the account's currency, a month.

    hours: of a month. gross_per_net: about what an employer pays for one unit on the account, before employer's shares.
    taxes_all: the tax is a share of the taxable pay; otherwise of what exceeds the allowance. employer, employee, letter,
    earnings: words.
    """

    version: str
    remark: str
    hours: Decimal
    gross_per_net: Decimal
    ceiling: Decimal
    allowance: Decimal
    leave_per_month: Decimal
    brackets: tuple[TaxBracket, ...]
    taxes_all: bool
    contributions: tuple[Contribution, ...]
    earnings: Mapping[str, str]
    employer: Mapping[str, Any]
    employee: Mapping[str, Any]
    letter: Mapping[str, str]
    day_pattern: str
    first_of_month: str

    def tax_rate(self, base_salary: Decimal) -> Decimal:
        """The rate of the tax, in percent, for a base salary."""
        return next(b.rate for b in self.brackets if b.up_to is None or base_salary <= b.up_to)


@cache
def payroll_scheme(language: str) -> PayrollScheme:
    """The scheme of `language` (ISO 639-1, lower case), or the English one where there is no file for it."""
    known = language if language in LANGUAGES else FALLBACK_LANGUAGE
    raw = tomllib.loads((files(__package__) / "words" / "payroll" / f"{known}.toml").read_text("utf-8"))
    return PayrollScheme(
        version=raw["version"],
        remark=raw["remark"],
        hours=Decimal(raw["hours"]),
        gross_per_net=Decimal(raw["gross_per_net"]),
        ceiling=Decimal(raw["ceiling"]),
        allowance=Decimal(raw["allowance"]),
        leave_per_month=Decimal(raw["leave_per_month"]),
        brackets=tuple(TaxBracket(_decimal(tax.get("up_to")), Decimal(tax["rate"])) for tax in raw["tax_rates"]),
        taxes_all=raw["tax_base"] == "taxable",
        contributions=tuple(_contribution(line) for line in raw["contributions"]),
        earnings=raw["earnings"],
        employer=raw["employer"],
        employee=raw["employee"],
        letter=raw["letter"],
        day_pattern=raw["day"],
        first_of_month=raw["first_of_month"],
    )


def _contribution(raw: Mapping[str, Any]) -> Contribution:
    return Contribution(
        section=raw["section"],
        label=raw["label"],
        base=raw["base"],
        employee=_decimal(raw.get("employee")),
        employer=_decimal(raw.get("employer")),
        taxable=raw.get("taxable", False),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
