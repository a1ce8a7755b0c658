"""Who calls, and which role each method needs: one table, and the gate that goes by it.

A method that is not in the table is refused to everybody once there are tokens, so a new one fails its first test and cannot be
open by oversight. Whose run it is, is not asked here: other tenants' runs do not exist for a caller (adapters.tenant_view).

Without DOCUGEN_AUTH_TOKENS_FILE everybody may do everything: then the address, or mutual TLS, is what keeps others out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace

from docugen_core.adapters.tenant_view import TenantExecutor, TenantStore
from docugen_core.adapters.token_file import TokenFile
from docugen_core.assembly import Core
from docugen_core.domain.tenant import EVERYBODY, Caller, Role
from docugen_core.errors import NotAuthenticated, NotPermitted

_RUNS, _ARTEFACTS = "/docugen.v1.BundleRunService/", "/docugen.v1.ArtefactService/"
_TEMPLATES, _QUEUE = "/docugen.v1.TemplateService/", "/docugen.v1.QueueService/"

METHOD_ROLES: Mapping[str, Role] = {
    _RUNS + "CreateBundleRun": Role.SUBMIT,
    _RUNS + "BatchCreateBundleRuns": Role.SUBMIT,
    _RUNS + "CancelBundleRun": Role.SUBMIT,
    _RUNS + "RetryBundleRun": Role.SUBMIT,
    _RUNS + "DeleteBundleRun": Role.SUBMIT,
    _RUNS + "GetBundleRun": Role.READ,
    _RUNS + "ListBundleRuns": Role.READ,
    _RUNS + "WaitBundleRun": Role.READ,
    _RUNS + "WatchBundleRun": Role.READ,
    _RUNS + "VerifyBundleRun": Role.READ,
    _RUNS + "GetCapabilities": Role.READ,
    _ARTEFACTS + "GetManifest": Role.READ,
    _ARTEFACTS + "ListArtefacts": Role.READ,
    _ARTEFACTS + "ReadArtefact": Role.READ,
    _ARTEFACTS + "SignArtefactUrl": Role.READ,
    _TEMPLATES + "ListTemplatePacks": Role.READ,
    _TEMPLATES + "GetTemplatePack": Role.READ,
    _TEMPLATES + "PreviewDocument": Role.SUBMIT,
    _QUEUE + "GetQueueStats": Role.OPERATE,
    _QUEUE + "WatchQueueStats": Role.OPERATE,
    _QUEUE + "PauseQueue": Role.OPERATE,
    _QUEUE + "ResumeQueue": Role.OPERATE,
    _QUEUE + "ListWorkers": Role.OPERATE,
    _QUEUE + "DrainWorker": Role.OPERATE,
    _QUEUE + "ListDeadLetters": Role.OPERATE,
    _QUEUE + "GetDeadLetter": Role.OPERATE,
    _QUEUE + "RedriveDeadLetters": Role.OPERATE,
    _QUEUE + "DropDeadLetters": Role.OPERATE,
}
OPEN_SERVICES = (
    "/externalscaler.ExternalScaler/",
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)
"""They need no token: probes have none, KEDA can send none, and the contract is public. DOCUGEN_REFLECTION_ENABLED switches
reflection off."""

AUTHORIZATION = "authorization"
SCHEME = "bearer "

_caller: ContextVar[Caller] = ContextVar("caller")


class Gate:
    """Lets callers in. tokens: None where everybody may do everything."""

    def __init__(self, tokens: TokenFile | None) -> None:
        self._tokens = tokens

    @property
    def is_open(self) -> bool:
        return self._tokens is None

    def admit(self, path: str, metadata: Iterable[tuple[str, str | bytes]] | None) -> Caller:
        """The caller of the method `/package.Service/Method`. Raises NotAuthenticated, NotPermitted (ROLE_MISSING)."""
        if self._tokens is None:
            return EVERYBODY
        caller = self._tokens.caller(_token(metadata or ()))
        role = METHOD_ROLES.get(path)
        if role is None or role not in caller.roles:
            needed = role.value if role else "nobody's"
            raise NotPermitted(
                f"{path.rpartition('/')[2]} needs the role {needed}, which the token {caller.name!r} does not have",
                hint="Use a token with that role; whoever operates the server hands them out.",
                details={"role": needed, "token": caller.name},
            )
        return caller


def answer_for(caller: Caller) -> None:
    """From here on this task, and those it starts, answer `caller`."""
    _caller.set(caller)


def present_caller() -> Caller:
    """Who is answered. Raises LookupError outside of a call that came through the gate."""
    return _caller.get()


def own(core: Core) -> Core:
    """`core` as the present caller may see it."""
    caller = present_caller()
    return replace(core, executor=TenantExecutor(core.executor, caller), store=TenantStore(core.store, caller))


def _token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    given = [value for key, value in metadata if key == AUTHORIZATION and isinstance(value, str)]
    if len(given) != 1 or not given[0].lower().startswith(SCHEME):
        raise NotAuthenticated(
            "this server asks for a token",
            code="TOKEN_MISSING",
            hint="Send the metadata `authorization: Bearer TOKEN`; for commands set DOCUGEN_TOKEN_FILE.",
        )
    return given[0][len(SCHEME) :].strip()
