"""Ed25519 signatures of manifests (RFC 8032): who holds the public key can tell, offline, that a bundle is what was rendered.

    manifests/{run}.json.sig    RFC 8785 JSON: schema, algorithm, key_id, manifest_sha256, signature (base64)
    key_id                      SHA-256 of the 32 bytes of the public key: says which key to look for after a rotation
    signed                      "docugen.manifest-signature.v1" NUL, then the bytes of the manifest

The manifest holds the SHA-256 of every artefact, so its signature covers them. Signing is deterministic: one key and one
manifest give one file. The key is read once, at the start, from a file that nobody but its owner may read.

Not in here: trust. Whose key it is, and since when it is not trusted any more, is for whoever hands out public keys to say.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from docugen_core.domain.identity import canonical_json, content_digest
from docugen_core.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_SCHEMA = "docugen.signature/v1"
SIGNATURE_PREFIX = b"docugen.manifest-signature.v1"
ALGORITHM = "ed25519"
KEY_BYTES_MAX = 16_384
SIGNATURE_BYTES_MAX = 4_096


class SignatureVerdict(Enum):
    """VALID: this key signed this very manifest. MISSING: there is no signature. WRONG_KEY: another key signed. TAMPERED: this
    key signed something else. MALFORMED: what is there is no signature."""

    VALID = "valid"
    MISSING = "missing"
    WRONG_KEY = "wrong_key"
    TAMPERED = "tampered"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What a signature showed. key_id: of the key that it names; empty where it names none."""

    verdict: SignatureVerdict
    key_id: str = ""


class ManifestSigner:
    """Implements ports.Signer with a private key. Make one with `load` or `new`; it never shows its key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = PublicKey(key.public_key()).key_id

    @classmethod
    def load(cls, path: Path) -> ManifestSigner:
        """The private key in the PEM file `path`.

        Raises ConfigurationError (SIGNING_KEY_UNUSABLE) for a file that others may read, or that holds no Ed25519 key.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        data = _read_private(path)
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError) as error:
            raise _unusable(path, "holds no unencrypted private key in PEM", _NEW_KEY) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _unusable(path, "holds no Ed25519 key", _NEW_KEY)
        return cls(key)

    @classmethod
    def new(cls) -> ManifestSigner:
        """A key that nobody had before."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    def sign(self, manifest: bytes) -> bytes:
        """The signature file of `manifest`. The same manifest gives the same bytes."""
        signature = self._key.sign(SIGNATURE_PREFIX + b"\0" + manifest)
        return canonical_json(
            {
                "schema": SIGNATURE_SCHEMA,
                "algorithm": ALGORITHM,
                "key_id": self.key_id,
                "manifest_sha256": content_digest(manifest),
                "signature": base64.b64encode(signature).decode(),
            }
        )

    def write(self, private: Path, public: Path) -> None:
        """Both keys as PEM files, the private one for its owner alone. Raises FileExistsError: no key is ever overwritten."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

        if public.exists():
            raise FileExistsError(17, "there is a file already", str(public))
        secret = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_new(private, secret, mode=0o600)
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        _write_new(public, pem, mode=0o644)


class PublicKey:
    """Checks signatures. Make one with `load`."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.key_id = content_digest(key.public_bytes_raw())

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """The public key in the PEM file `path`. Raises ConfigurationError (PUBLIC_KEY_UNUSABLE)."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(path.read_bytes()[:KEY_BYTES_MAX])
        except OSError as error:
            raise _no_public_key(path, error.strerror or "cannot be read") from error
        except ValueError as error:
            raise _no_public_key(path, "holds no public key in PEM") from error
        if not isinstance(key, Ed25519PublicKey):
            raise _no_public_key(path, "holds no Ed25519 key")
        return cls(key)

    def check(self, manifest: bytes, signature: bytes | None) -> SignatureCheck:
        """What `signature`, the file beside the manifest, says to the holder of this key. Raises nothing."""
        from cryptography.exceptions import InvalidSignature

        if signature is None:
            return SignatureCheck(SignatureVerdict.MISSING)
        read = _read_signature(signature)
        if read is None:
            return SignatureCheck(SignatureVerdict.MALFORMED)
        key_id, raw = read
        if key_id != self.key_id:
            return SignatureCheck(SignatureVerdict.WRONG_KEY, key_id)
        try:
            self._key.verify(raw, SIGNATURE_PREFIX + b"\0" + manifest)
        except InvalidSignature:
            return SignatureCheck(SignatureVerdict.TAMPERED, key_id)
        return SignatureCheck(SignatureVerdict.VALID, key_id)


_NEW_KEY = "`docugen keys new` makes one."


def _read_private(path: Path) -> bytes:
    """The file, looked at and read through one descriptor: what was checked is what is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unusable(path, error.strerror or "cannot be read", "Name a readable file.") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _unusable(path, "is no file", "Name the PEM file itself.")
        if found.st_mode & 0o027:  # a group may read it: that is how orchestrators mount a secret
            mode = stat.S_IMODE(found.st_mode)
            raise _unusable(path, f"may be read by others (mode {mode:04o})", f"Run `chmod 600 {path}`.")
        return os.read(descriptor, KEY_BYTES_MAX)
    finally:
        os.close(descriptor)


def _read_signature(data: bytes) -> tuple[str, bytes] | None:
    """Key id and signature, unless `data` is something else."""
    if len(data) > SIGNATURE_BYTES_MAX:
        return None
    try:
        raw = json.loads(data)
        if (raw["schema"], raw["algorithm"]) != (SIGNATURE_SCHEMA, ALGORITHM):
            return None
        return str(raw["key_id"]), base64.b64decode(raw["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _unusable(path: Path, problem: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"DOCUGEN_SIGNING_KEY_FILE={str(path)!r}: {problem}", hint=hint, code="SIGNING_KEY_UNUSABLE"
    )


def _no_public_key(path: Path, problem: str) -> ConfigurationError:
    hint = "Name the public key that `docugen keys new` wrote beside the private one."
    return ConfigurationError(f"{path}: {problem}", hint=hint, code="PUBLIC_KEY_UNUSABLE")
