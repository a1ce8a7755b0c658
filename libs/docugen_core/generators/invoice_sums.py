"""What an invoice adds up to: lines, value added tax for each rate, totals. No seed in here.

Amounts have two decimals and are rounded half away from zero, as tradespeople do. The tax of a rate is rounded once, on the
sum of its lines (`total`), or line by line and then added (`line`); both are lawful in most of Europe, and differ by cents.
Either way the lines' tax adds up to the tax of their rate: with `total` a line gets what it adds to the rounded tax of the
lines before it, so it can lie a cent beside its own rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ROUNDINGS = ("total", "line")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """quantity: a multiple of a quarter. unit_price: negative for a discount. rate: percent."""

    sku: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    rate: Decimal

    @property
    def net(self) -> Decimal:
        return rounded(self.quantity * self.unit_price)


def invoice_sums(lines: Sequence[Line], rounding: str) -> dict[str, Any]:
    """`lines` and `totals` of an invoice as plain JSON. The breakdown has the rates in order of their first line."""
    taxes = _taxes(lines, rounding)
    rates = list(dict.fromkeys(line.rate for line in lines))
    breakdown = []
    for rate in rates:
        of_rate = [(line.net, tax) for line, tax in zip(lines, taxes, strict=True) if line.rate == rate]
        net, tax = (sum(part, Decimal("0.00")) for part in zip(*of_rate, strict=True))
        breakdown.append({"rate": str(rate), "net": str(net), "vat": str(tax)})
    net, tax = sum((line.net for line in lines), Decimal("0.00")), sum(taxes, Decimal("0.00"))
    return {
        "lines": [_line(line, tax) for line, tax in zip(lines, taxes, strict=True)],
        "totals": {"net": str(net), "vat": str(tax), "gross": str(net + tax), "vat_breakdown": breakdown},
    }


def rounded(amount: Decimal) -> Decimal:
    """To cents, half away from zero; zero has no sign."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP) + Decimal("0.00")


def _taxes(lines: Sequence[Line], rounding: str) -> list[Decimal]:
    """The tax of each line."""
    if rounding == "line":
        return [rounded(line.net * line.rate / 100) for line in lines]
    nets: dict[Decimal, Decimal] = {}
    taxes = []
    for line in lines:
        before = nets.get(line.rate, Decimal(0))
        nets[line.rate] = before + line.net
        taxes.append(rounded(nets[line.rate] * line.rate / 100) - rounded(before * line.rate / 100))
    return taxes


def _line(line: Line, tax: Decimal) -> dict[str, Any]:
    whole = line.quantity == line.quantity.to_integral_value()
    return {
        "sku": line.sku,
        "description": line.description,
        # Quarters are exact in binary: no digit is lost on the way through JSON.
        "quantity": int(line.quantity) if whole else float(line.quantity),
        "unit": line.unit,
        "unit_price": str(line.unit_price),
        "vat_rate": str(line.rate),
        "net": str(line.net),
        "vat": str(tax),
        "gross": str(line.net + tax),
    }
