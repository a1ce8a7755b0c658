"""TemplateService: the installed template packs."""

# ruff: noqa: N802 - the contract names the methods

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from docugen.v1 import template_service_pb2 as messages
from docugen.v1.template_service_pb2_grpc import TemplateServiceServicer
from docugen_core.adapters.proto_codec import encode_pack
from docugen_core.domain.bundle import TemplateReference
from docugen_core.rendering.catalogue import TemplateCatalogue
from docugen_core.rendering.packs import TemplatePack

from docugen_scheduler.finished_runs import not_implemented_yet
from docugen_scheduler.resource_names import parse_pack_name

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class TemplateService(TemplateServiceServicer):
    """Shows packs, their templates, and what data these take."""

    catalogue: TemplateCatalogue

    async def ListTemplatePacks(
        self, request: messages.ListTemplatePacksRequest, context: Context
    ) -> messages.ListTemplatePacksResponse:
        packs = [encode_pack(pack, with_data=False) for pack in self.catalogue.packs()]
        return messages.ListTemplatePacksResponse(template_packs=packs)

    async def GetTemplatePack(
        self, request: messages.GetTemplatePackRequest, context: Context
    ) -> messages.GetTemplatePackResponse:
        pack = self._pack(*parse_pack_name(request.name))
        return messages.GetTemplatePackResponse(template_pack=encode_pack(pack, with_data=True))

    async def PreviewDocument(
        self, request: messages.PreviewDocumentRequest, context: Context
    ) -> messages.PreviewDocumentResponse:
        raise not_implemented_yet(
            "PreviewDocument", "CreateBundleRun with the one document renders it; ReadArtefact reads it."
        )

    def _pack(self, name: str, version: str) -> TemplatePack:
        """The pack; without a version the newest. Raises NotFound (TEMPLATE_NOT_FOUND), naming the nearest."""
        for pack in self.catalogue.packs():
            if pack.name == name and version in ("", pack.version):
                return pack
        return self.catalogue.resolve(TemplateReference(name, "", version))[0]
