"""Tenants: whose a run is, and who may do what with it.

A tenant's runs are kept under ids that hold its name. So whose a run is needs no look-up, is known when only its manifest is
left, and two tenants who choose the same id never meet:

    tenant     chooses or gets    kept as (ledger, queue, store, log)
    default    march              march
    acme       march              acme~march

Callers name their own runs as they chose them. Whoever holds the role `operate` reaches all tenants: it is shown, and may
write, `acme~march` for a run of another tenant (`default~march` for one of the default tenant). No id that a caller may choose
has a `~`.

Not in here: how a caller proves who it is (adapters.token_file), and which method needs which role (the scheduler's table).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from docugen_core.domain.identity import is_bundle_run_id

DEFAULT_TENANT = "default"
"""The tenant of everybody where no tokens are configured, and of the command line."""

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
SEPARATOR = "~"


class Role(Enum):
    """submit: start, cancel, retry runs, and preview. read: see runs and artefacts. operate: the queue, its workers and dead
    letters; what the other roles allow then holds for the runs of all tenants."""

    SUBMIT = "submit"
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. name: of its token, for the log; empty where no tokens are configured."""

    tenant: str
    roles: frozenset[Role]
    name: str = ""

    @property
    def sees_all(self) -> bool:
        """Whether the runs of other tenants are its business."""
        return Role.OPERATE in self.roles

    def kept(self, run_id: str) -> str | None:
        """The id under which the run is kept that this caller calls `run_id`; None for another tenant's, unless it sees all."""
        tenant, separator, plain = run_id.rpartition(SEPARATOR)
        if not separator:
            return kept_id(self.tenant, run_id)
        return kept_id(tenant, plain) if self.sees_all or tenant == self.tenant else None

    def shown(self, kept: str) -> str:
        """What this caller calls the run that is kept as `kept`."""
        tenant = tenant_of(kept)
        plain = kept.rpartition(SEPARATOR)[2]
        return plain if tenant == self.tenant else f"{tenant}{SEPARATOR}{plain}"


EVERYBODY = Caller(DEFAULT_TENANT, frozenset(Role))
"""Whoever asks where no tokens are configured."""


def kept_id(tenant: str, run_id: str) -> str:
    """The id under which `tenant` keeps the run it calls `run_id`."""
    return run_id if tenant == DEFAULT_TENANT else f"{tenant}{SEPARATOR}{run_id}"


def tenant_of(kept: str) -> str:
    """Whose the run is that is kept as `kept`."""
    return kept.rpartition(SEPARATOR)[0] or DEFAULT_TENANT


def is_kept_id(text: str) -> bool:
    """Whether a run may be kept under `text`, or a caller who sees all may write it: a run id, with or without a tenant."""
    tenant, separator, plain = text.rpartition(SEPARATOR)
    return is_bundle_run_id(plain) and (not separator or is_tenant(tenant))


def is_tenant(text: str) -> bool:
    """Whether `text` may name a tenant."""
    return TENANT.fullmatch(text) is not None
