"""An invented household: who they are, where they bank, what they earn and what they owe every month.

Everything here depends on the seed and the language alone, never on the period or the number of transactions asked for: the
same seed is the same person in every document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from docugen_core.domain.json import JsonObject
from docugen_core.domain.seed import SeedStream
from docugen_core.generators.iban import AccountNumber, digits, invent_account_number
from docugen_core.generators.word_lists import WordList, fill_digits


@dataclass(frozen=True, slots=True)
class Bill:
    """Something paid every month on the same day. name: its place in the seed. kind: its description pattern."""

    name: str
    category: str
    kind: str
    day: int
    amount: Decimal
    merchant: str
    number: str


@dataclass(frozen=True, slots=True)
class Household:
    """Amounts are positive, in the account's currency.

    salary_day: the latest day of the month it arrives. rent_day: the earliest. grocery_weekday: 0 is Monday. grocers: where
    they go every week. cushion: the balance they steer to with savings transfers. bills: in order of
    importance.
    """

    words: WordList
    account: AccountNumber
    product: str
    town: str
    employer: str
    salary: Decimal
    salary_day: int
    landlord: str
    rent: Decimal
    rent_day: int
    grocery_weekday: int
    grocers: tuple[str, ...]
    tax_office: str
    savings_number: str
    cushion: Decimal
    opening_balance: Decimal
    bills: tuple[Bill, ...]


# name, category, kind, lowest and highest monthly amount; in order of importance.
_BILLS = (
    ("energy", "energy", "bill", "55", "140"),
    ("telecom", "telecom", "bill", "19", "45"),
    ("home_insurance", "insurance", "bill", "18", "55"),
    ("childcare", "childcare", "bill", "140", "380"),
    ("transport_pass", "transport", "subscription", "28", "80"),
    ("health_insurance", "insurance", "bill", "30", "85"),
    ("mobile", "telecom", "bill", "7", "24"),
    ("streaming", "leisure", "subscription", "8", "18"),
    ("gym", "leisure", "subscription", "19", "45"),
    ("fees", "fees", "fees", "2.50", "8"),
)


def invent_household(words: WordList, seed: SeedStream, salary: Decimal | None = None) -> Household:
    """The household of this seed. salary: what they earn, where that is known; rent and cushion follow it."""
    habits = seed / "habits"
    salary = invent_salary(seed) if salary is None else salary
    cushion = _share(salary, (habits / "cushion").between(110, 160))
    return Household(
        words=words,
        account=invent_account_number(words.iban_country, seed / "account"),
        product=(seed / "account" / "product").choice(words.institution.products),
        town=(seed / "holder" / "address" / "town").choice(words.towns)[0],
        employer=(habits / "employer").choice(words.merchants["salary"]),
        salary=salary,
        salary_day=(habits / "salary_day").between(25, 27),
        landlord=(habits / "landlord").choice(words.merchants["rent"]),
        rent=_share(salary, (habits / "rent").between(26, 34)),
        rent_day=(habits / "rent_day").between(1, 3),
        grocery_weekday=(habits / "grocery_weekday").between(3, 5),
        grocers=tuple((habits / "grocers").sample(words.merchants["groceries"], 3)),
        tax_office=(habits / "tax_office").choice(words.merchants["tax"]),
        savings_number=digits(habits / "savings_number", 8),
        cushion=cushion,
        opening_balance=_share(cushion, (habits / "opening_balance").between(88, 104)),
        bills=_invent_bills(words, habits),
    )


def invent_salary(seed: SeedStream) -> Decimal:
    """What the household of this seed is paid into its account every month."""
    return (seed / "habits" / "salary").decimal(Decimal(2350), Decimal(4300))


def invent_institution(words: WordList, seed: SeedStream) -> dict[str, object]:
    """The `institution` of the output."""
    place, parts = seed / "institution", words.institution
    tail, domain = (place / "tail").choice(parts.tails)
    return {
        "name": f"{(place / 'head').choice(parts.heads)} {tail}",
        "legal_form": parts.legal_form,
        "address": words.invent_address(place / "address"),
        "phone": words.invent_phone(place / "phone"),
        "email": f"{parts.mailbox}@{domain}.example",
        "website": f"www.{domain}.example",
        "registration": fill_digits(parts.registration, place / "registration"),
    }


def invent_holder(words: WordList, seed: SeedStream, wishes: JsonObject) -> dict[str, object]:
    """The `holder` of the output; what the caller wishes (title, given_name, family_name, address) replaces inventions."""
    place = seed / "holder"
    title, given_name, family_name = words.invent_person(place)
    holder: dict[str, object] = {
        "title": title,
        "given_name": given_name,
        "family_name": family_name,
        "address": words.invent_address(place / "address"),
    }
    holder |= wishes
    holder["address"] = list(cast("Sequence[str]", holder["address"]))  # the caller's list stays the caller's
    holder["name"] = f"{holder['given_name']} {holder['family_name']}"
    return holder


def _invent_bills(words: WordList, habits: SeedStream) -> tuple[Bill, ...]:
    has_children = (habits / "has_children").chance(1, 2)
    return tuple(
        _invent_bill(words, habits / "bills" / name, (name, category, kind), (Decimal(low), Decimal(high)))
        for name, category, kind, low, high in _BILLS
        if name != "childcare" or has_children
    )


def _invent_bill(
    words: WordList, place: SeedStream, what: tuple[str, str, str], bounds: tuple[Decimal, Decimal]
) -> Bill:
    name, category, kind = what
    merchants = words.merchants.get(name) or words.merchants.get(category) or ("",)
    return Bill(
        name=name,
        category=category,
        kind=kind,
        day=(place / "day").between(2, 24),
        amount=(place / "amount").decimal(*bounds),
        merchant=(place / "merchant").choice(merchants),
        number=digits(place / "number", 8),
    )


def _share(amount: Decimal, percent: int) -> Decimal:
    """`percent` of an amount, in whole units."""
    return Decimal(int(amount) * percent // 100).quantize(Decimal("0.01"))
