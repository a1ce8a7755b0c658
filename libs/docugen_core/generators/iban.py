"""Account numbers that pass every checksum and belong to nobody.

ISO 13616 / ISO 7064: move the first four characters to the end, write letters as numbers (A = 10 ... Z = 35); a valid IBAN
leaves the remainder 1 on division by 97. The bank codes are ones no registry hands out (French and German codes starting with
99999, British bank letters ZZZZ), and the 0 at the eighth place of the BIC marks it as a test code (ISO 9362).
"""

from __future__ import annotations

from dataclasses import dataclass

from docugen_core.domain.seed import SeedStream

BANK_DIGITS = "99999"
BANK_LETTERS = "ZZZZ"


@dataclass(frozen=True, slots=True)
class AccountNumber:
    """iban: without spaces. bic: 11 characters. number: the account's own digits inside the IBAN."""

    iban: str
    bic: str
    number: str


def invent_account_number(country: str, seed: SeedStream) -> AccountNumber:
    """The account number of this place in the seed. country: FR, DE or GB; raises KeyError for others."""
    length, domestic = {"FR": (11, _french), "DE": (10, _german), "GB": (8, _british)}[country]
    number = digits(seed / "number", length)
    bban = domestic(number, seed)
    return AccountNumber(
        iban=f"{country}{98 - _remainder(bban + country + '00'):02d}{bban}",
        bic=f"{BANK_LETTERS}{country}X0XXX",
        number=number,
    )


def is_valid_iban(iban: str) -> bool:
    """Whether the check digits fit. Says nothing about the length a country asks for."""
    return iban.isalnum() and len(iban) > 4 and _remainder(iban[4:] + iban[:4]) == 1


def digits(seed: SeedStream, count: int) -> str:
    """`count` decimal digits, 1 to 16, leading zeros kept; each half of a long number has its own place in the seed."""
    if count <= 8:
        return f"{seed.below(10**count):0{count}d}"
    return digits(seed / "high", count - 8) + digits(seed / "low", 8)


def _remainder(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97


def _french(number: str, seed: SeedStream) -> str:
    """Bank, branch, account and the two-digit domestic key (97 minus the weighted remainder)."""
    branch = digits(seed / "branch", 5)
    key = 97 - (89 * int(BANK_DIGITS) + 15 * int(branch) + 3 * int(number)) % 97
    return f"{BANK_DIGITS}{branch}{number}{key:02d}"


def _german(number: str, seed: SeedStream) -> str:
    return f"{BANK_DIGITS}{digits(seed / 'branch', 3)}{number}"


def _british(number: str, seed: SeedStream) -> str:
    return f"{BANK_LETTERS}{BANK_DIGITS}{digits(seed / 'branch', 1)}{number}"
