"""Who is who: digests and derived ids.

Every digest is SHA-256 over a domain-separation prefix, a NUL byte and RFC 8785 canonical JSON, written as 64 lower-case
hex digits. Protobuf wire bytes are never hashed: they are not canonical across languages. Test vectors for other languages
are published in docs/reference/identity-vectors.json and checked by tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re

import rfc8785

from docugen_core.domain.json import JsonValue

SPEC_PREFIX = b"docugen.spec.v1"
DOCUMENT_PREFIX = b"docugen.document.v1"
PACK_PREFIX = b"docugen.pack.v1"
ENGINE_PREFIX = b"docugen.engine.v1"
LIBRARY_PREFIX = b"docugen.library.v1"
RUN_PREFIX = b"docugen.run.v1"

BUNDLE_RUN_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""Full-match pattern of a bundle run id: it becomes a file name and a Redis key, so nothing else is let in."""


def canonical_json(value: JsonValue) -> bytes:
    """RFC 8785 bytes of `value`: sorted keys, shortest numbers, no white space, UTF-8.

    Raises ValueError for NaN, infinities, integers beyond +-(2**53 - 1) and lone surrogates: they have no canonical
    form (other languages would read another number). Callers check input first and name the field; they refuse floats beyond
    the same bound too, because 2.0**53 is written with digits only and does not read back.
    """
    if not _is_plain(value):
        return rfc8785.dumps(value)
    text = _ENCODE(value)
    data = text.encode()
    if not text.isascii() and len(data.translate(None, _HIGH)) < len(data):
        return rfc8785.dumps(value)
    return data


def digest(prefix: bytes, value: JsonValue) -> str:
    """SHA-256 hex of `prefix NUL canonical_json(value)`. The prefix keeps digests of different things apart."""
    return digest_of_canonical(prefix, canonical_json(value))


def digest_of_canonical(prefix: bytes, canonical: bytes) -> str:
    """The same for bytes that `canonical_json` made."""
    return hashlib.sha256(prefix + b"\0" + canonical).hexdigest()


def content_digest(data: bytes) -> str:
    """SHA-256 hex of raw bytes: artefacts, fonts, files of a pack."""
    return hashlib.sha256(data).hexdigest()


def derive_bundle_run_id(tenant: str, spec_digest: str) -> str:
    """The id of a run whose caller gave none: `br-` and 32 base32 digits (160 bits) of tenant and spec digest.

    So the same request by the same tenant is the same run, for ever; there is no deduplication window to expire.
    """
    key = RUN_PREFIX + b"\0" + tenant.encode() + b"\0" + bytes.fromhex(spec_digest)
    short = hashlib.sha256(key).digest()[:20]
    return "br-" + base64.b32encode(short).decode().lower()


def is_bundle_run_id(text: str) -> bool:
    """Whether `text` may name a bundle run (see BUNDLE_RUN_ID); `..` inside is refused as well."""
    return BUNDLE_RUN_ID.fullmatch(text) is not None and ".." not in text


# Nearly every value is written by the standard library's encoder, in a tenth of the time that rfc8785 takes. The two differ in
# whole, tiny and huge floats, in what they refuse, and in the order of keys with characters from U+E000 on, which UTF-16 sorts
# another way: these go to rfc8785.

_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_HIGH = bytes(range(0xEE, 0x100))
"""First bytes in UTF-8 of characters from U+E000 on."""
_TEXT = frozenset({str})
_INTEGER_MAX = 2**53 - 1
_LEVELS_MAX = 1_000
"""More than any request may have; a value that holds itself has no end, and rfc8785 says so."""


def _is_plain(value: JsonValue) -> bool:
    """Whether both encoders write `value` alike, but for the order of keys."""
    level: list[JsonValue] = [value]
    for _ in range(_LEVELS_MAX):
        below: list[JsonValue] = []
        for node in level:
            kind = type(node)
            if kind is str or kind is bool or node is None:
                continue
            if isinstance(node, dict) and _TEXT.issuperset(map(type, node)):
                below.extend(node.values())
            elif isinstance(node, list | tuple):
                below.extend(node)
            elif not _is_plain_number(node):
                return False
        level = below
        if not level:
            return True
    return False


def _is_plain_number(node: object) -> bool:
    """Both write the shortest digits that read back, and Python without an exponent from 0.0001 to 10**16."""
    if type(node) is int:
        return -_INTEGER_MAX <= node <= _INTEGER_MAX
    return type(node) is float and 1e-4 <= abs(node) < 1e16 and not node.is_integer()
