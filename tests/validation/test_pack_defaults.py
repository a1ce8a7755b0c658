"""What a pack declares for its templates, and what a request makes of it: the request wins, and everything is written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docugen_core.domain.bundle import ResolvedBundle, ResolvedDocument
from docugen_core.errors import InvalidRequest
from docugen_core.generators.registry import GeneratorRegistry
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.validation import BundleLimits, resolve_bundle
from pack_examples import PACK_TOML, write_pack

DECLARED = PACK_TOML.replace("[templates.formats]", 'optional = true\nfallback = "plain/notice"\n[templates.formats]')


@pytest.fixture
def catalogue(tmp_path: Path) -> TemplateCatalogue:
    """`notice`, whose pack declares the fallback plain/notice and that it is optional; two versions of `plain`."""
    plain = PACK_TOML.replace('name = "notice"\nversion', 'name = "plain"\nversion')
    write_pack(tmp_path / "notice", {"pack.toml": DECLARED})
    write_pack(tmp_path / "plain", {"pack.toml": plain, "notice.schema.json": '{"required": ["name"]}'})
    newer = {"pack.toml": plain.replace('"1.0.0"', '"1.1.0"'), "notice.schema.json": '{"required": ["name"]}'}
    write_pack(tmp_path / "plain-2", newer)
    return TemplateCatalogue.load([tmp_path])


def resolved(catalogue: TemplateCatalogue, data: dict[str, Any] | None = None, **document: Any) -> ResolvedBundle:
    spec = {"name": "a.txt", "format": "txt", "template": "notice/notice"} | document
    raw: Any = {"documents": [spec], "data": {"name": "Wren Fable"} if data is None else data}
    return resolve_bundle(raw, catalogue=catalogue, generators=GeneratorRegistry.load(), limits=BundleLimits())


def only(bundle: ResolvedBundle) -> ResolvedDocument:
    [document] = bundle.documents
    return document


def test_declared_defaults_are_pinned_like_a_requests_own(catalogue: TemplateCatalogue) -> None:
    bundle = resolved(catalogue)

    assert only(bundle).optional
    assert str(only(bundle).fallback) == "plain/notice@1.1.0"
    assert {pinned.pack for pinned in bundle.packs} == {"notice", "plain"}
    written_out = resolved(catalogue, optional=True, fallback="plain/notice@1.1.0")
    assert bundle.spec_digest == written_out.spec_digest
    assert ResolvedBundle.from_json(bundle.to_json()) == bundle


def test_a_request_may_say_otherwise(catalogue: TemplateCatalogue) -> None:
    document = only(resolved(catalogue, optional=False, fallback="plain/notice@1.0.0"))

    assert not document.optional
    assert str(document.fallback) == "plain/notice@1.0.0"
    assert resolved(catalogue, optional=False).spec_digest != resolved(catalogue).spec_digest


def test_a_template_whose_pack_declares_nothing_is_required_and_alone(catalogue: TemplateCatalogue) -> None:
    document = only(resolved(catalogue, template="plain/notice"))

    assert (document.optional, document.fallback) == (False, None)


def test_data_must_fit_a_declared_fallback_too_and_the_hint_says_whose_wish_it_is(catalogue: TemplateCatalogue) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolved(catalogue, data={})

    [violation] = caught.value.violations
    assert violation.path == "documents[0].data.name"
    assert "plain/notice@1.1.0" in violation.hint
