"""Monthly payslips of one invented job: what is earned, what is held back, what is paid, and how that adds up in a year.

    gross            = sum of the earnings
    net_before_tax   = gross - the employee's contributions
    net              = net_before_tax - tax                      the payment, on a business day
    employer_cost    = gross + the employer's contributions

Every share is its base times its rate, rounded half up to the cent. The year to date begins every January; leave is carried
on without end. The chain begins in a January before any month that may be asked for, so how many months are asked for changes
nothing in a month. The rates are invented (`payroll_scheme`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from docugen_core.domain.seed import SeedStream
from docugen_core.generators.business_days import business_day_on_or_before
from docugen_core.generators.household_month import last_day
from docugen_core.generators.iban import digits
from docugen_core.generators.payroll_scheme import Contribution, PayrollScheme

CENT = Decimal("0.01")
NOTHING = Decimal("0.00")
BONUS_MONTH = 12
SERVICE_YEARS_MAX = 20
# Least and most days of leave in each month of the year; what has not been earned yet is not taken.
_LEAVE_TAKEN = (
    (0, 1), (1, 2), (0, 2), (2, 4), (1, 3), (0, 2), (3, 6), (5, 10), (0, 1), (1, 3), (0, 1), (2, 5),
)  # fmt: skip
_TO_DATE = ("gross", "employee_contributions", "employer_contributions", "taxable", "tax", "net")


@dataclass(frozen=True, slots=True)
class Job:
    """base_salary: of a month in `last_year`. growth: of the salary a year, in thousandths. bonus: percent of the base salary,
    in December. payday: the latest day of the month. iban: where the pay goes.
    """

    number: str
    hired_on: dt.date
    base_salary: Decimal
    last_year: int
    growth: int
    bonus: int
    payday: int
    iban: str

    def base_salary_in(self, year: int) -> Decimal:
        """The base salary of a month in `year`, not later than `last_year`."""
        return self.base_salary * (1000 - self.growth * (self.last_year - year)) / 1000


@dataclass(frozen=True, slots=True)
class Deductions:
    """What becomes of a gross pay. lines: the contributions, as printed."""

    lines: list[dict[str, Any]]
    employee: Decimal
    employer: Decimal
    taxable: Decimal
    tax_base: Decimal
    tax: Decimal
    net_before_tax: Decimal
    net: Decimal


def make_payslips(scheme: PayrollScheme, job: Job, seed: SeedStream, firsts: Iterable[dt.date]) -> list[dict[str, Any]]:
    """One payslip for each month, as plain JSON. firsts: the first days of months without a gap, beginning with a January.

    seed: the job's place; each month has its own below it.
    """
    payslips: list[dict[str, Any]] = []
    to_date = dict.fromkeys(_TO_DATE, NOTHING)
    leave = Decimal((seed / "leave").between(2, 6)).quantize(CENT)
    for first in firsts:
        if first.month == 1:
            to_date = dict.fromkeys(_TO_DATE, NOTHING)
        place = seed / "months" / f"{first:%Y-%m}"
        payslip = _payslip(scheme, job, place, first)
        for key in _TO_DATE:
            to_date[key] += Decimal(payslip["tax"]["amount"] if key == "tax" else payslip[key])
        taken = _leave_taken(place / "leave", first, leave + scheme.leave_per_month)
        payslip["year_to_date"] = {key: str(value) for key, value in to_date.items()}
        payslip["leave"] = {
            "opening": str(leave),
            "accrued": str(scheme.leave_per_month),
            "taken": str(taken),
            "balance": str(leave + scheme.leave_per_month - taken),
        }
        leave += scheme.leave_per_month - taken
        payslips.append(payslip)
    return payslips


def deduct(scheme: PayrollScheme, gross: Decimal, tax_rate: Decimal) -> Deductions:
    """The contributions and the tax on `gross`; tax_rate in percent."""
    lines = []
    employee = employer = deductible = NOTHING
    for contribution in scheme.contributions:
        base = _base_of(contribution, scheme, gross)
        if base is not None and base <= 0:
            continue
        theirs, ours = (_share(base, rate) for rate in (contribution.employee, contribution.employer))
        employee += theirs or 0
        employer += ours or 0
        deductible += (theirs or 0) if not contribution.taxable else 0
        lines.append(_line(contribution, base, theirs, ours))
    taxable = gross - deductible
    tax_base = taxable if scheme.taxes_all else max(NOTHING, taxable - scheme.allowance)
    tax = _cents(tax_base * tax_rate / 100)
    before = gross - employee
    return Deductions(lines, employee, employer, taxable, tax_base, tax, before, before - tax)


def _payslip(scheme: PayrollScheme, job: Job, place: SeedStream, first: dt.date) -> dict[str, Any]:
    """The payslip of a month, without what depends on the months before."""
    base_salary = job.base_salary_in(first.year)
    earnings = _earnings(scheme, job, place, first)
    gross = sum((Decimal(line["amount"]) for line in earnings), NOTHING)
    rate = scheme.tax_rate(base_salary)
    found = deduct(scheme, gross, rate)
    return {
        "number": f"{job.number}-{first:%Y%m}",
        "month": f"{first:%Y-%m}",
        "period": {"first": first.isoformat(), "last": last_day(first).isoformat()},
        "earnings": earnings,
        "gross": str(gross),
        "contributions": found.lines,
        "employee_contributions": str(found.employee),
        "employer_contributions": str(found.employer),
        "employer_cost": str(gross + found.employer),
        "net_before_tax": str(found.net_before_tax),
        "taxable": str(found.taxable),
        "tax": {"base": str(found.tax_base), "rate": str(rate), "amount": str(found.tax)},
        "net": str(found.net),
        "payment": {
            "date": business_day_on_or_before(first.replace(day=job.payday)).isoformat(),
            "amount": str(found.net),
            "iban": job.iban,
            "reference": f"{first:%y%m}-P-{digits(place / 'payment', 4)}",
        },
    }


def _earnings(scheme: PayrollScheme, job: Job, place: SeedStream, first: dt.date) -> list[dict[str, str]]:
    words, hourly = scheme.earnings, _cents(job.base_salary_in(first.year) / scheme.hours)
    base = _cents(hourly * scheme.hours)
    lines = [_earning(words["base"], base, scheme.hours, hourly)]
    years = min((first - job.hired_on).days // 365, SERVICE_YEARS_MAX)
    if years >= 3:
        lines.append(_earning(words["seniority"], _cents(base * years / 200)))
    if (place / "overtime").chance(1, 5):
        hours = (place / "overtime" / "halves").between(3, 20) * Decimal("0.50")
        rate = _cents(hourly * Decimal("1.25"))
        lines.append(_earning(words["overtime"], _cents(hours * rate), hours, rate))
    if first.month == BONUS_MONTH:
        lines.append(_earning(words["bonus"], _cents(base * job.bonus / 100)))
    return lines


def _earning(
    label: str, amount: Decimal, quantity: Decimal | None = None, rate: Decimal | None = None
) -> dict[str, str]:
    detail = {} if quantity is None else {"quantity": str(quantity), "rate": str(rate)}
    return {"label": label, **detail, "amount": str(amount)}


def _line(
    contribution: Contribution, base: Decimal | None, employee: Decimal | None, employer: Decimal | None
) -> dict[str, str]:
    line = {"section": contribution.section, "label": contribution.label}
    if base is not None:
        line["base"] = str(base)
    sides = (("employee", contribution.employee, employee), ("employer", contribution.employer, employer))
    for side, rate, amount in sides:
        if base is not None and rate is not None:
            line[f"{side}_rate"] = str(rate)
        if amount is not None:
            line[f"{side}_amount"] = str(amount)
    return line


def _base_of(contribution: Contribution, scheme: PayrollScheme, gross: Decimal) -> Decimal | None:
    """The amount the rates are of; None for flat amounts."""
    match contribution.base:
        case "capped":
            return min(gross, scheme.ceiling)
        case "above":
            return gross - scheme.ceiling
        case "most":
            return _cents(gross * 98 / 100)
        case "reduced":
            return gross - scheme.allowance
        case "flat":
            return None
        case _:
            return gross


def _share(base: Decimal | None, rate: Decimal | None) -> Decimal | None:
    if rate is None or base is None:
        return rate
    return _cents(base * rate / 100)


def _leave_taken(place: SeedStream, first: dt.date, available: Decimal) -> Decimal:
    wanted = place.between(*_LEAVE_TAKEN[first.month - 1])
    return Decimal(min(wanted, int(available))).quantize(CENT)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
