"""The certificate: one landscape page that says who learnt what, in every language, however long the names are."""

from __future__ import annotations

import io
from typing import Any

import pypdf
import pytest
from docugen_core.domain.bundle import Format
from docugen_core.errors import RenderFailed
from docugen_core.strict_json.schema import Schema
from shipped_packs import LOCALES, pages_of, rendered, shipped

PACK = shipped("certificate")
SAMPLE: Any = PACK.templates["certificate"].sample
SCHEMA = Schema(PACK.templates["certificate"].schema)


def _page(locale: str = "en-GB", **changes: Any) -> str:
    data = dict(SAMPLE) | changes
    assert SCHEMA.violations(data) == []
    (page,) = pages_of(rendered(PACK, "certificate", Format.PDF, data, locale))
    return page


@pytest.mark.parametrize(
    ("locale", "title", "hours", "dates", "day"),
    [
        (
            "en-GB",
            "Certificate of Completion",
            "96 hours of instruction",
            "9 March 2026 to 26 June 2026",
            "Harrowmere, 2 October",
        ),
        (
            "fr-FR",
            "Attestation de réussite",
            "96 heures d’enseignement",
            "du 9 mars 2026 au 26 juin 2026",
            "Harrowmere, le 2 octobre",
        ),
        (
            "de-DE",
            "Abschlusszertifikat",
            "96 Unterrichtsstunden",
            "9. März 2026 bis 26. Juni 2026",
            "Harrowmere, den 2. Oktober",
        ),
    ],
)
def test_the_page_names_person_course_hours_and_days(locale: str, title: str, hours: str, dates: str, day: str) -> None:
    page = _page(locale)
    for words in (
        title,
        hours,
        dates,
        day,
        "Ottoline Farthing",
        SAMPLE["course"]["title"],
        "with distinction",
    ):
        assert words in page
    for words in (
        "Barnaby Quillfeather",
        "Dr Imke Sandvoort",
        "Course leader",
        "HSL-2026-00317",
        "7F3A-91C4-E20B-5D68",
    ):
        assert words in page


@pytest.mark.parametrize("locale", LOCALES)
def test_it_is_one_landscape_page_of_a4(locale: str) -> None:
    (page,) = pypdf.PdfReader(io.BytesIO(rendered(PACK, "certificate", Format.PDF, locale=locale))).pages
    assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (842, 595)


def test_attendance_claims_no_success() -> None:
    page = _page(kind="attendance")
    assert "Certificate of Attendance" in page
    assert "has taken part in the course" in page
    assert "successfully" not in page


def test_the_least_a_certificate_needs_is_a_whole_page_too() -> None:
    data: Any = {
        "school": {"name": "Ferry School", "place": "Saltby"},
        "kind": "attendance",
        "recipient": {"name": "Ada Thornby"},
        "course": {"title": "Knots", "hours": 1},
        "signatories": [{"name": "Wren Fable"}],
        "serial": "1",
    }
    assert SCHEMA.violations(data) == []
    (page,) = pages_of(rendered(PACK, "certificate", Format.PDF, data))
    for words in ("Ferry School", "Ada Thornby", "Knots", "1 hour of instruction", "Wren Fable"):
        assert words in page


@pytest.mark.parametrize("locale", LOCALES)
def test_the_longest_names_allowed_stay_on_one_page(locale: str) -> None:
    page = _page(
        locale,
        recipient={"name": "Maximiliana " * 4 + "Featherstone", "born_on": "1990-01-01"},
        course=SAMPLE["course"] | {"title": "Restoring lanterns " * 6, "result": "r" * 60, "topics": ["many " * 8] * 8},
        signatories=[{"name": "Bartholomew " * 4, "role": "Head of everything there is " * 2}] * 3,
        branding={"footer": "f " * 80, "name": "N" * 60},
    )
    assert page.count("Bartholomew") == 12


def test_a_single_day_is_named_once_and_a_course_cannot_end_before_it_begins() -> None:
    day = {"title": "Knots", "hours": 6, "first_day": "2026-03-09", "last_day": "2026-03-09"}
    assert _page(course=day).count("9 March 2026") == 1
    with pytest.raises(RenderFailed, match=r"data\.course\.last_day, 2026-03-09, is before first_day, 2026-04-01"):
        _page(course=day | {"first_day": "2026-04-01"})


def test_the_code_goes_without_an_address_and_the_line_without_a_code() -> None:
    assert "Ask the school about the code AB12 to verify" in _page(verification={"code": "AB12"})
    data = {key: value for key, value in SAMPLE.items() if key != "verification"}
    (page,) = pages_of(rendered(PACK, "certificate", Format.PDF, data))
    assert "lantern-school.example" in page


def test_a_certificate_needs_the_day_of_its_issue() -> None:
    with pytest.raises(RenderFailed, match="set document_date in the bundle"):
        rendered(PACK, "certificate", Format.PDF, day=None)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"kind": "mastery"}, "data.kind"),
        ({"signatories": []}, "data.signatories"),
        ({"verification": {"code": "low case"}}, "data.verification.code"),
        ({"course": {"title": "Knots", "hours": 0}}, "data.course.hours"),
    ],
)
def test_wrong_data_is_refused_at_its_field(changes: dict[str, Any], place: str) -> None:
    assert [violation.path for violation in SCHEMA.violations(dict(SAMPLE) | changes, "data")] == [place]
