"""A current account as plain JSON: its entries and everything that is summed from them.

The shape of `account.schema.json` in the pack `quarterly-account-pack`. Amounts are decimal strings with two places, days are
ISO dates. Nothing is drawn from the seed in here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from docugen_core.generators.household_month import Entry, last_day


def account_record(
    firsts: Sequence[dt.date], months: Sequence[Sequence[Entry]], opening_balance: Decimal
) -> dict[str, Any]:
    """Period, balances, totals, entries, months and categories. firsts: the first day of each month of entries."""
    entries = [entry for month in months for entry in month]
    return {
        "period": {"first": firsts[0].isoformat(), "last": last_day(firsts[-1]).isoformat()},
        "opening_balance": str(opening_balance),
        "closing_balance": str(entries[-1].balance),
        **_totals(entries),
        "transactions": [_transaction(entry) for entry in entries],
        "months": [
            {"month": first.isoformat()[:7], **_totals(month), "closing_balance": str(month[-1].balance)}
            for first, month in zip(firsts, months, strict=True)
        ],
        "categories": _categories(entries),
    }


def month_starts(first: dt.date, count: int) -> list[dt.date]:
    """The first days of `count` months from `first` on, which is the first day of a month."""
    firsts = [first]
    while len(firsts) < count:
        firsts.append(last_day(firsts[-1]) + dt.timedelta(days=1))
    return firsts


def money(amounts: Iterable[Decimal]) -> str:
    """The sum, with at least two places."""
    return str(sum(amounts, Decimal("0.00")))


def _totals(entries: Iterable[Entry]) -> dict[str, Any]:
    amounts = [entry.amount for entry in entries]
    return {
        "transaction_count": len(amounts),
        "total_in": money(amount for amount in amounts if amount > 0),
        "total_out": money(-amount for amount in amounts if amount < 0),
    }


def _categories(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    groups: dict[str, list[Decimal]] = {}
    for entry in entries:
        groups.setdefault(entry.category, []).append(entry.amount)
    return [
        {"category": category, "transaction_count": len(amounts), "amount": money(amounts)}
        for category, amounts in sorted(groups.items())
    ]


def _transaction(entry: Entry) -> dict[str, Any]:
    return {
        "date": entry.date.isoformat(),
        "value_date": entry.value_date.isoformat(),
        "reference": entry.reference,
        "description": entry.description,
        "category": entry.category,
        "amount": str(entry.amount),
        "debit": str(-entry.amount) if entry.amount < 0 else "",
        "credit": str(entry.amount) if entry.amount > 0 else "",
        "balance": str(entry.balance),
    }
