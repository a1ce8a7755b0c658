"""Days on which banks settle: Monday to Friday, less the six closing days a year of the euro's settlement system.

Those are 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December. National holidays are not in here: one calendar
serves every locale, so that a seed means the same days everywhere. Easter after the Gregorian computus (Meeus, Astronomical
Algorithms, chapter 8), good from 1583: 2026 -> 5 April, 2027 -> 28 March.
"""

from __future__ import annotations

import datetime as dt

DAY = dt.timedelta(days=1)
FIXED_CLOSING_DAYS = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})


def is_business_day(date: dt.date) -> bool:
    """Whether banks settle on `date`."""
    if date.weekday() > 4 or (date.month, date.day) in FIXED_CLOSING_DAYS:
        return False
    # Easter falls between 22 March and 25 April: outside of that its closing days need no computing.
    return date.month not in (3, 4) or (date - easter_sunday(date.year)).days not in (-2, 1)


def business_day_on_or_before(date: dt.date) -> dt.date:
    """`date`, or the last business day before it."""
    while not is_business_day(date):
        date -= DAY
    return date


def business_day_on_or_after(date: dt.date) -> dt.date:
    """`date`, or the first business day after it."""
    while not is_business_day(date):
        date += DAY
    return date


def business_day_in_month(date: dt.date) -> dt.date:
    """The business day on or after `date`, or before it where the month ends first."""
    after = business_day_on_or_after(date)
    return after if after.month == date.month else business_day_on_or_before(date)


def easter_sunday(year: int) -> dt.date:
    """Easter Sunday of a Gregorian year, 1583 or later."""
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, left = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - correction + 15) % 30
    leap_years, rest = divmod(in_century, 4)
    to_sunday = (32 + 2 * left + 2 * leap_years - epact - rest) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)
