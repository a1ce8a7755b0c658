"""TemplateService: the installed template packs, and previews of documents."""

# ruff: noqa: N802 - the contract names the methods

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from docugen.v1 import template_service_pb2 as messages
from docugen.v1.bundle_run_service_pb2 import CreateBundleRunRequest
from docugen.v1.template_service_pb2_grpc import TemplateServiceServicer
from docugen_core.adapters.lifetime import Lifetime
from docugen_core.adapters.proto_codec import encode_pack
from docugen_core.assembly import Core
from docugen_core.domain.failure import Violation
from docugen_core.errors import InvalidRequest
from docugen_core.preview import PPI_DEFAULT, PreviewRequest, preview_document
from docugen_core.submission import prepare_generation_job

from docugen_scheduler.intake import checked_request
from docugen_scheduler.resource_names import parse_pack_name

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class TemplateService(TemplateServiceServicer):
    """Shows packs, their templates, what data these take, and what a document of a bundle would look like."""

    core: Core
    lifetime: Lifetime

    async def ListTemplatePacks(
        self, request: messages.ListTemplatePacksRequest, context: Context
    ) -> messages.ListTemplatePacksResponse:
        packs = [encode_pack(pack, with_data=False) for pack in self.core.intake.catalogue.packs()]
        return messages.ListTemplatePacksResponse(template_packs=packs)

    async def GetTemplatePack(
        self, request: messages.GetTemplatePackRequest, context: Context
    ) -> messages.GetTemplatePackResponse:
        pack = self.core.intake.catalogue.pack(*parse_pack_name(request.name))
        return messages.GetTemplatePackResponse(template_pack=encode_pack(pack, with_data=True))

    async def PreviewDocument(
        self, request: messages.PreviewDocumentRequest, context: Context
    ) -> messages.PreviewDocumentResponse:
        submit = checked_request(CreateBundleRunRequest(spec=request.spec), self.core.intake)
        as_pdf = request.rendition == messages.PreviewDocumentRequest.RENDITION_PDF
        wanted = PreviewRequest(request.document, as_pdf, tuple(request.pages), request.ppi or PPI_DEFAULT)
        violations = wanted.violations() + _unknown_rendition(request)
        if violations:
            raise InvalidRequest.from_violations(violations)
        job = await asyncio.to_thread(prepare_generation_job, submit, self.core.intake)
        preview = await self.lifetime.while_open(preview_document(self.core.bundles, job.bundle, wanted))
        return messages.PreviewDocumentResponse(page_count=preview.page_count, renditions=preview.renditions)


def _unknown_rendition(request: messages.PreviewDocumentRequest) -> list[Violation]:
    known = messages.PreviewDocumentRequest.Rendition.values()
    if request.rendition in known:
        return []
    return [Violation("rendition", f"{int(request.rendition)} is no rendition", "Use RENDITION_PNG or RENDITION_PDF.")]
