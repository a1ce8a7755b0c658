"""One month of a household's account: which entries, on which days, for how much.

The entries of a month are planned in order of importance and cut to the number asked for: salary, rent, savings, bills, the
weekly groceries, quarterly tax and interest, now and then a large purchase; everyday spending fills the rest. Each has its own
place in the seed, under the month's name, so other months and a longer period change nothing in this one.

Two things keep the balance plausible. Everyday spending is squeezed towards its smallest amounts, all entries alike, when it
passes what the month has left after the fixed entries. And at the month's end a transfer to or from savings pulls the balance
towards the household's cushion; between two of them it may dip. Public holidays are ignored; salary and rent avoid weekends.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from docugen_core.domain.seed import SeedStream
from docugen_core.generators.household import Bill, Household
from docugen_core.generators.iban import digits

CENT = Decimal("0.01")
SAVINGS_DAY = 28
TAX_MONTHS = (2, 5, 8, 11)
INTEREST_MONTHS = (3, 6, 9, 12)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the account. amount: signed, credits positive. balance: after it. value_date: in the same month."""

    date: dt.date
    value_date: dt.date
    reference: str
    description: str
    category: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """An entry before the balance is known. The amount of category `savings` is settled against the balance.

    lag_days: from booking to value, cut at the month's end. least: the smallest amount this kind of spending takes when the
    month's budget is short. reference: the entry's, where the other side of the payment has given it one.
    """

    date: dt.date
    category: str
    kind: str
    amount: Decimal
    merchant: str = ""
    number: str = ""
    person: str = ""
    lag_days: int = 0
    least: Decimal = Decimal(0)
    reference: str = ""


# category, kind, weight, lowest and highest amount; credits are never squeezed.
_EVERYDAY = (
    (("groceries", "card", Decimal("2.40"), Decimal(85)), 24),
    (("dining", "card", Decimal("1.80"), Decimal(46)), 22),
    (("transport", "card", Decimal("1.50"), Decimal(58)), 12),
    (("shopping", "card", Decimal("3.50"), Decimal(120)), 14),
    (("leisure", "card", Decimal("3.50"), Decimal(48)), 8),
    (("health", "card", Decimal("2.80"), Decimal(60)), 5),
    (("cash", "cash", Decimal(10), Decimal(120)), 4),
    (("transfer", "transfer_out", Decimal(5), Decimal(90)), 4),
    (("transfer", "transfer_in", Decimal(10), Decimal(80)), 3),
    (("shopping", "refund", Decimal(8), Decimal(70)), 2),
    (("health", "reimbursement", Decimal(5), Decimal(45)), 2),
)
_CREDITS = frozenset({"transfer_in", "refund", "reimbursement"})


def month_entries(
    household: Household, seed: SeedStream, first: dt.date, count: int, opening: Decimal
) -> tuple[Entry, ...]:
    """Exactly `count` entries of the month that starts on `first`, by date, continuing from balance `opening`.

    seed: this month's place. References are unique within the month and start with its year and month.
    """
    return settle(household, seed, plan_month(household, seed, first, count), opening)


def plan_month(household: Household, seed: SeedStream, first: dt.date, count: int) -> list[Plan]:
    """`count` entries by date, without balances; those of one day are in the order of their importance."""
    fixed = _fixed_plans(household, seed, first)[:count]
    everyday = [_everyday_plan(household, seed / "everyday" / i, first) for i in range(count - len(fixed))]
    left = _month_budget(household, seed, fixed)
    # The sort is stable.
    return sorted([*fixed, *_within_budget(everyday, left)], key=lambda plan: plan.date)


def settle(
    household: Household, seed: SeedStream, plans: Sequence[Plan], opening: Decimal, floor: Decimal | None = None
) -> tuple[Entry, ...]:
    """The entries that `plans`, by date, become after balance `opening`.

    floor: no balance falls below it, given an opening that does not: savings come in on the day of a debit that is too
    large, as one more entry before it. None: any balance may come.
    """
    entries: list[Entry] = []
    balance = opening

    def book(plan: Plan, amount: Decimal) -> Decimal:
        number = len(entries) + 1
        after = balance + amount
        entries.append(_entry(household, seed / "references" / number, number, plan, amount, after))
        return after

    for plan in plans:
        amount = plan.amount if plan.category != "savings" else _savings_amount(household, seed / "savings", balance)
        if floor is not None and balance + amount < floor:
            rescue = Plan(plan.date, "savings", "savings_in", Decimal(0), number=household.savings_number)
            balance = book(rescue, _rescue_amount(floor - balance - amount))
        balance = book(plan, amount)
    return tuple(entries)


def last_day(date: dt.date) -> dt.date:
    """The last day of the month of `date`."""
    return date.replace(day=monthrange(date.year, date.month)[1])


def _fixed_plans(household: Household, seed: SeedStream, first: dt.date) -> list[Plan]:
    """What the month brings whatever happens, most important first."""
    salary_date = _weekday_on_or_before(first.replace(day=household.salary_day))
    rent_date = _weekday_on_or_after(first.replace(day=household.rent_day))
    groceries = [
        _weekly_groceries(household, seed / "groceries" / day.day, day) for day in _grocery_days(household, first)
    ]
    bills = [_bill_plan(bill, seed / "bills" / bill.name, first) for bill in household.bills]
    return [
        Plan(salary_date, "salary", "salary", household.salary, household.employer),
        Plan(rent_date, "rent", "rent", -household.rent, household.landlord),
        *groceries[:1],
        Plan(first.replace(day=SAVINGS_DAY), "savings", "savings_out", Decimal(0), number=household.savings_number),
        *bills[:1],
        *groceries[1:],
        *bills[1:],
        *_quarterly_plans(household, seed, first),
        *_large_purchase(household, seed / "large_purchase", first),
    ]


def _weekly_groceries(household: Household, place: SeedStream, date: dt.date) -> Plan:
    amount = (place / "amount").decimal(Decimal(45), Decimal(130))
    return Plan(date, "groceries", "card", -amount, (place / "merchant").choice(household.grocers))


def _bill_plan(bill: Bill, place: SeedStream, first: dt.date) -> Plan:
    amount = bill.amount
    if bill.category == "energy":
        # Meters are read: the bill moves by a fifth around its level, all others stay what was agreed.
        amount = (amount * place.between(80, 120) / 100).quantize(CENT, ROUND_HALF_EVEN)
    return Plan(first.replace(day=bill.day), bill.category, bill.kind, -amount, bill.merchant, bill.number)


def _quarterly_plans(household: Household, seed: SeedStream, first: dt.date) -> list[Plan]:
    plans = []
    if first.month in TAX_MONTHS:
        amount = (seed / "tax").decimal(Decimal(90), Decimal(260))
        plans.append(Plan(first.replace(day=15), "tax", "tax", -amount, household.tax_office))
    if first.month in INTEREST_MONTHS:
        amount = (seed / "interest").decimal(Decimal("0.35"), Decimal("6.80"))
        plans.append(Plan(last_day(first), "interest", "interest", amount))
    return plans


def _large_purchase(household: Household, place: SeedStream, first: dt.date) -> list[Plan]:
    """Every fifth month or so: a machine, a sofa, a bicycle."""
    if not place.chance(1, 5):
        return []
    return [
        Plan(
            first.replace(day=(place / "day").between(2, 24)),
            "shopping",
            "purchase",
            -(place / "amount").decimal(Decimal(240), Decimal(1150)),
            (place / "merchant").choice(household.words.merchants["shopping"]),
            digits(place / "number", 8),
        )
    ]


def _everyday_plan(household: Household, place: SeedStream, first: dt.date) -> Plan:
    words = household.words
    category, kind, low, high = (place / "category").weighted(_EVERYDAY)
    # A value below a value: small amounts are the most frequent, as in life.
    amount = (place / "amount").decimal(low, (place / "ceiling").decimal(low, high))
    return Plan(
        date=(place / "day").date(first, last_day(first)),
        category=category,
        kind=kind,
        amount=amount if kind in _CREDITS else -amount,
        merchant=(place / "merchant").choice(words.merchants[category]) if category in words.merchants else "",
        person=_person(household, place / "person") if category == "transfer" else "",
        lag_days=(place / "lag").below(3) if kind == "card" else 0,
        least=Decimal(0) if kind in _CREDITS else low,
    )


def _person(household: Household, place: SeedStream) -> str:
    _, given_name, family_name = household.words.invent_person(place)
    return f"{given_name} {family_name}"


def _month_budget(household: Household, seed: SeedStream, fixed: list[Plan]) -> Decimal:
    """What everyday life may cost: most of what the fixed entries leave of the salary, and at least a quarter of it."""
    left = household.salary + sum((plan.amount for plan in fixed if plan.amount < 0), Decimal(0))
    return max(left * (seed / "budget").between(85, 100) / 100, household.salary / 4)


def _within_budget(plans: list[Plan], budget: Decimal) -> list[Plan]:
    """`plans` with what debits cost beyond their least amounts shrunk by one factor, at most tenfold, to fit `budget`."""
    least = sum((plan.least for plan in plans), Decimal(0))
    beyond = -sum((plan.amount for plan in plans if plan.amount < 0), Decimal(0)) - least
    factor = min(Decimal(1), max((budget - least) / beyond, Decimal("0.1"))) if beyond else Decimal(1)
    return [replace(plan, amount=_squeezed(plan, factor)) for plan in plans]


def _squeezed(plan: Plan, factor: Decimal) -> Decimal:
    """Cash comes in notes of ten, everything else to the cent."""
    if plan.amount > 0:
        return plan.amount
    unit = Decimal(10) if plan.category == "cash" else CENT
    amount = plan.least + (-plan.amount - plan.least) * factor
    return -(amount / unit).to_integral_value(ROUND_HALF_EVEN) * unit


def _savings_amount(household: Household, place: SeedStream, balance: Decimal) -> Decimal:
    """Most of the distance from the balance to the cushion, in tens; never zero, so the transfer is a visible habit."""
    distance = household.cushion - balance
    tens = int(distance * (place / "share").between(60, 90) / 100 / 10)
    return Decimal(10 * tens or -10).quantize(CENT)


def _rescue_amount(missing: Decimal) -> Decimal:
    """What is missing, and a hundred beyond, in fifties: people do not count cents when they reach for their savings."""
    return (Decimal(50) * (missing // 50 + 3)).quantize(CENT)


def _entry(
    household: Household, place: SeedStream, number: int, plan: Plan, amount: Decimal, balance: Decimal
) -> Entry:
    return Entry(
        date=plan.date,
        value_date=min(plan.date + dt.timedelta(days=plan.lag_days), last_day(plan.date)),
        reference=plan.reference or f"{plan.date:%y%m}-{number:03d}-{digits(place, 4)}",
        description=_description(household, plan, amount),
        category=plan.category,
        amount=amount.quantize(CENT),
        balance=balance.quantize(CENT),
    )


def _description(household: Household, plan: Plan, amount: Decimal) -> str:
    kind = "savings_in" if plan.category == "savings" and amount > 0 else plan.kind
    return household.words.patterns[kind].format(
        merchant=plan.merchant,
        town=household.town,
        number=plan.number,
        person=plan.person,
        product=household.product,
        month=f"{household.words.months[plan.date.month - 1]} {plan.date.year}",
    )


def _grocery_days(household: Household, first: dt.date) -> list[dt.date]:
    """Every date of the month that falls on the household's day for shopping."""
    days = (first.replace(day=day) for day in range(1, last_day(first).day + 1))
    return [day for day in days if day.weekday() == household.grocery_weekday]


def _weekday_on_or_before(date: dt.date) -> dt.date:
    return date - dt.timedelta(days=max(0, date.weekday() - 4))


def _weekday_on_or_after(date: dt.date) -> dt.date:
    return date + dt.timedelta(days=(7 - date.weekday()) % 7 if date.weekday() > 4 else 0)
