"""Resource names, parsed in one place: what a caller sends becomes ids, or an error that names the field and the form.

    bundleRuns/{bundle_run_id}
    bundleRuns/{bundle_run_id}/artefacts/{file name}
    templatePacks/{pack}            templatePacks/{pack}@{version}
    workers/{worker}                deadLetters/{dead_letter}

Who sees all tenants may write `{tenant}~{bundle_run_id}` for the id of a run. For everybody else such a run is not there.

The ids end up in paths and keys, so nothing is trimmed, decoded or normalised: a name either has the form or it is refused.
"""

from __future__ import annotations

import re

from docugen_core.domain.failure import Violation
from docugen_core.domain.tenant import is_kept_id
from docugen_core.domain.worker import CONSUMER
from docugen_core.errors import InvalidRequest
from docugen_core.strict_json.places import quoted, shortened

_ARTEFACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PACK = re.compile(r"[a-z][a-z0-9-]{1,62}")
_LETTER = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")


def parse_run_name(name: str, field: str = "name") -> str:
    """The bundle_run_id of `bundleRuns/{bundle_run_id}`. Raises InvalidRequest at `field`."""
    collection, _, run_id = name.partition("/")
    if collection != "bundleRuns" or not is_kept_id(run_id):
        raise _refused(field, name, "bundleRuns/{bundle_run_id}")
    return run_id


def parse_artefact_name(name: str, field: str = "name") -> tuple[str, str]:
    """(bundle_run_id, file name) of `bundleRuns/{bundle_run_id}/artefacts/{artefact}`. Raises InvalidRequest at `field`."""
    parts = name.split("/")
    if len(parts) == 4 and parts[0] == "bundleRuns" and parts[2] == "artefacts":
        run_id, artefact = parts[1], parts[3]
        if is_kept_id(run_id) and _ARTEFACT.fullmatch(artefact) and ".." not in artefact:
            return run_id, artefact
    raise _refused(field, name, "bundleRuns/{bundle_run_id}/artefacts/{artefact}")


def parse_pack_name(name: str, field: str = "name") -> tuple[str, str]:
    """(pack, version) of `templatePacks/{pack}[@{version}]`; version empty for the newest. Raises InvalidRequest at `field`."""
    collection, _, rest = name.partition("/")
    pack, at, version = rest.partition("@")
    well_formed = _PACK.fullmatch(pack) and (_VERSION.fullmatch(version) if at else True)
    if collection != "templatePacks" or not well_formed:
        raise _refused(field, name, "templatePacks/{pack} or templatePacks/{pack}@{version}")
    return pack, version


def parse_worker_name(name: str, field: str = "name") -> str:
    """The consumer of `workers/{worker}`. Raises InvalidRequest at `field`."""
    collection, _, consumer = name.partition("/")
    if collection != "workers" or not CONSUMER.fullmatch(consumer):
        raise _refused(field, name, "workers/{worker}")
    return consumer


def parse_letter_name(name: str, field: str = "name") -> str:
    """The id of `deadLetters/{dead_letter}`. Raises InvalidRequest at `field`."""
    collection, _, letter_id = name.partition("/")
    if collection != "deadLetters" or not _LETTER.fullmatch(letter_id):
        raise _refused(field, name, "deadLetters/{dead_letter}")
    return letter_id


def _refused(field: str, name: str, form: str) -> InvalidRequest:
    problem = f"{quoted(shortened(name))} is not of the form {form}" if name else "is required"
    violation = Violation(field, problem, "" if name else f"Write {form}.")
    return InvalidRequest.from_violations([violation])
