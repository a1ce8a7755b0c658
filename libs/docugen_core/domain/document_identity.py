"""Identity of one render: the digest of everything that decides a document's bytes. The key of the document cache.

    rendered     template, data, world, engine; page and ppi of an image, SHA-256 of attachments
    assembled    format, engine, SHA-256 of the members; of a merged PDF their order, its name and world as well

Like every identity it grows by fields that are there only when they matter, so that those known before keep their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docugen_core.domain.bundle import Format, PinnedTemplate, ResolvedBundle, ResolvedDocument
from docugen_core.domain.identity import DOCUMENT_PREFIX, digest


def rendered_digest(
    bundle: ResolvedBundle,
    document: ResolvedDocument,
    template: PinnedTemplate,
    *,
    data_digest: str,
    attachments: Mapping[str, str],
    engine_fingerprint: str,
) -> str:
    """Of a document made by `template`. data_digest: of its composed data. attachments: SHA-256 by name, of those embedded."""
    identity: dict[str, Any] = {
        "format": document.format.value,
        "template": template.to_json(),
        "data": data_digest,
        "time_zone": bundle.time_zone,
        "specimen": bundle.specimen,
        "engine": engine_fingerprint,
        **_dated(bundle),
    }
    if document.format.is_page_image:
        identity["page"] = document.page
    if document.format is Format.PNG:
        identity["ppi"] = document.ppi
    if attachments:
        identity["attachments"] = dict(attachments)
    return digest(DOCUMENT_PREFIX, identity)


def assembled_digest(
    bundle: ResolvedBundle, document: ResolvedDocument, *, members: Mapping[str, str], engine_fingerprint: str
) -> str:
    """Of a document put together from `members`: SHA-256 by name, in their order, without those that were omitted."""
    identity: dict[str, Any] = {
        "format": document.format.value,
        "engine": engine_fingerprint,
        "members": dict(members),
    }
    if not document.format.is_archive:
        identity |= {"name": document.name, "order": list(members), **_dated(bundle)}
    return digest(DOCUMENT_PREFIX, identity)


def _dated(bundle: ResolvedBundle) -> dict[str, Any]:
    day = bundle.document_date
    return {"locale": bundle.locale, "document_date": day.isoformat() if day else None}
