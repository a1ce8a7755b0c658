"""What household_finance promises, one function for each line of its docstring. Each raises AssertionError when broken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby, pairwise
from typing import Any, TypeAlias

from docugen_core.generators.business_days import business_day_in_month, is_business_day
from docugen_core.generators.iban import is_valid_iban

Finances: TypeAlias = Any
CENT = Decimal("0.01")


def total(amounts: Iterable[str]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts), Decimal("0.00"))


def share(base: str, rate: str) -> Decimal:
    return (Decimal(base) * Decimal(rate) / 100).quantize(CENT, ROUND_HALF_UP)


def payments_are_credits(data: Finances) -> None:
    """every payment on a payslip is one credit of the account: same day, amount, reference"""
    credits = [
        (row["date"], row["credit"], row["reference"]) for row in data["transactions"] if row["category"] == "salary"
    ]
    paid = [(p["payment"]["date"], p["net"], p["payment"]["reference"]) for p in data["payslips"]]
    assert credits == paid
    for payslip in data["payslips"]:
        assert payslip["payment"]["amount"] == payslip["net"]
        assert payslip["payment"]["iban"] == data["account"]["iban"]


def lines_make_the_net_pay(data: Finances) -> None:
    """gross pay less contributions less tax is net pay, and every line is its base times its rate"""
    for payslip in data["payslips"]:
        for line in payslip["earnings"]:
            if "quantity" in line:
                product = Decimal(line["quantity"]) * Decimal(line["rate"])
                assert Decimal(line["amount"]) == product.quantize(CENT, ROUND_HALF_UP)
        for line in payslip["contributions"]:
            for side in ("employee", "employer"):
                if f"{side}_rate" in line:
                    assert Decimal(line[f"{side}_amount"]) == share(line["base"], line[f"{side}_rate"])
        for side in ("employee", "employer"):
            assert Decimal(payslip[f"{side}_contributions"]) == total(
                line.get(f"{side}_amount", "0.00") for line in payslip["contributions"]
            )
        gross, tax = Decimal(payslip["gross"]), payslip["tax"]
        assert gross == total(line["amount"] for line in payslip["earnings"])
        assert Decimal(tax["amount"]) == share(tax["base"], tax["rate"])
        assert Decimal(payslip["net_before_tax"]) == gross - Decimal(payslip["employee_contributions"])
        assert Decimal(payslip["net"]) == Decimal(payslip["net_before_tax"]) - Decimal(tax["amount"]) > 0
        assert Decimal(payslip["employer_cost"]) == gross + Decimal(payslip["employer_contributions"])


def years_add_up(data: Finances) -> None:
    """the year to date is the sum of the payslips of that calendar year"""
    for before, after in pairwise([None, *data["payslips"]]):
        new_year = after["month"].endswith("-01")
        if before is None and not new_year:
            assert all(
                Decimal(after["year_to_date"][key]) > Decimal(monthly(after, key)) for key in after["year_to_date"]
            )
            continue
        for key, value in after["year_to_date"].items():
            carried = Decimal(0) if new_year else Decimal(before["year_to_date"][key])
            assert Decimal(value) == carried + Decimal(monthly(after, key)), (after["month"], key)


def monthly(payslip: Any, key: str) -> str:
    return str(payslip["tax"]["amount"] if key == "tax" else payslip[key])


def leave_is_carried(data: Finances) -> None:
    """leave is carried from month to month and never overdrawn"""
    leaves = [payslip["leave"] for payslip in data["payslips"]]
    for leave in leaves:
        opening, accrued, taken, balance = (Decimal(leave[key]) for key in ("opening", "accrued", "taken", "balance"))
        assert opening + accrued - taken == balance >= 0
    assert all(before["balance"] == after["opening"] for before, after in pairwise(leaves))


def pay_totals_are_sums(data: Finances) -> None:
    """the totals of the period are the sums over its payslips"""
    for key, value in data["pay_totals"].items():
        assert Decimal(value) == total(monthly(payslip, key) for payslip in data["payslips"])


def entries_reach_the_closing_balance(data: Finances) -> None:
    """opening balance plus entries is the closing balance, entry by entry"""
    balance = Decimal(data["opening_balance"])
    for row in data["transactions"]:
        amount = Decimal(row["amount"])
        balance += amount
        assert Decimal(row["balance"]) == balance
        assert (row["debit"], row["credit"]) == (("", row["amount"]) if amount > 0 else (row["amount"][1:], ""))
    assert Decimal(data["closing_balance"]) == balance


def summaries_equal_entries(data: Finances) -> None:
    """the summaries of months and categories equal the entries"""
    rows = data["transactions"]
    by_month = {month: list(found) for month, found in groupby(rows, lambda row: row["date"][:7])}
    assert [month["month"] for month in data["months"]] == list(by_month)
    for summary, found in [(data, rows), *((month, by_month[month["month"]]) for month in data["months"])]:
        assert summary["transaction_count"] == len(found)
        assert Decimal(summary["total_in"]) == total(row["credit"] or "0" for row in found)
        assert Decimal(summary["total_out"]) == total(row["debit"] or "0" for row in found)
        assert summary["closing_balance"] == found[-1]["balance"]
    groups = {group["category"]: group for group in data["categories"]}
    assert list(groups) == sorted({row["category"] for row in rows})
    for category, group in groups.items():
        amounts = [row["amount"] for row in rows if row["category"] == category]
        assert (group["transaction_count"], Decimal(group["amount"])) == (len(amounts), total(amounts))


def balance_stays_above_the_overdraft(data: Finances) -> None:
    """the balance never falls below the overdraft"""
    assert min(Decimal(row["balance"]) for row in data["transactions"]) >= -Decimal(data["overdraft_limit"])


def rent_is_steady(data: Finances) -> None:
    """rent is the same amount every month, on its day or the next business day"""
    rents = [row for row in data["transactions"] if row["category"] == "rent"]
    assert len(rents) == len(data["months"])
    assert len({row["amount"] for row in rents}) == 1
    days = [dt.date.fromisoformat(row["date"]) for row in rents]
    assert any(days == [business_day_in_month(day.replace(day=agreed)) for day in days] for agreed in (1, 2, 3))


def bills_are_steady(data: Finances) -> None:
    """bills come once a month for the amount agreed, save energy, which is metered"""
    for category in ("energy", "telecom", "insurance", "childcare", "fees"):
        rows = [row for row in data["transactions"] if row["category"] == category]
        for description in {row["description"] for row in rows}:
            bills = [row for row in rows if row["description"] == description]
            assert [row["date"][:7] for row in bills] == [month["month"] for month in data["months"]]
            amounts = [Decimal(row["amount"]) for row in bills]
            assert category == "energy" or len(set(amounts)) == 1
            assert -min(amounts) <= -max(amounts) * Decimal("1.51")


def days_are_business_days(data: Finances) -> None:
    """every booking, value and payment is on a business day of the period"""
    first, last = data["period"]["first"], data["period"]["last"]
    rows = data["transactions"]
    days = {row[key] for row in rows for key in ("date", "value_date")}
    assert all(first <= day <= last for day in days)
    assert all(is_business_day(dt.date.fromisoformat(day)) for day in days | {data["account"]["opened_on"]})
    assert all(before["date"] <= after["date"] for before, after in pairwise(rows))
    assert all(row["date"] <= row["value_date"] for row in rows)


def numbers_are_sound(data: Finances) -> None:
    """references are unique and the IBAN passes its checksum"""
    references = [row["reference"] for row in data["transactions"]]
    assert len(set(references)) == len(references)
    assert is_valid_iban(data["account"]["iban"])
    assert data["account"]["number"] in data["account"]["iban"]


def ages_are_plausible(data: Finances) -> None:
    """ages are plausible: of age at hiring, hired before the period, account opened as an adult"""
    born, last = (dt.date.fromisoformat(day) for day in (data["persona"]["birth_date"], data["period"]["last"]))
    adult = dt.date(born.year + 18, born.month, 1)
    assert 23 <= last.year - born.year - ((last.month, last.day) < (born.month, born.day)) <= 70
    assert adult.isoformat() <= data["employee"]["hired_on"] < data["period"]["first"]
    assert adult.isoformat() < data["account"]["opened_on"] < data["period"]["first"]


def letter_says_the_same(data: Finances) -> None:
    """the letter's figures are those of the payslips and the account"""
    (amounts,) = [part["amounts"] for part in data["body"] if isinstance(part, dict)]
    net, average, rent, overdraft = (line["amount"] for line in amounts["lines"])
    assert net == data["pay_totals"]["net"]
    assert abs(Decimal(average) * len(data["payslips"]) - Decimal(net)) <= CENT * len(data["payslips"]) / 2
    assert {row["debit"] for row in data["transactions"] if row["category"] == "rent"} == {rent}
    assert overdraft == data["overdraft_limit"]
    assert amounts["total"]["amount"] == data["closing_balance"]
    assert amounts["currency"] == data["currency"] == data["account"]["currency"]
    assert data["sender"]["name"] == data["employee"]["name"] == data["holder"]["name"] == data["persona"]["name"]


INVARIANTS: tuple[Callable[[Finances], None], ...] = (
    payments_are_credits,
    lines_make_the_net_pay,
    years_add_up,
    leave_is_carried,
    pay_totals_are_sums,
    entries_reach_the_closing_balance,
    summaries_equal_entries,
    balance_stays_above_the_overdraft,
    rent_is_steady,
    bills_are_steady,
    days_are_business_days,
    numbers_are_sound,
    ages_are_plausible,
    letter_says_the_same,
)


def assert_reconciles(data: Finances) -> None:
    """All of them."""
    for invariant in INVARIANTS:
        invariant(data)
