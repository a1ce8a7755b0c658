"""Template packs over the wire, and the queue service of a server that has no queue."""

from __future__ import annotations

import json

import grpc
import pytest
from docugen.v1 import queue_service_pb2, template_service_pb2
from docugen.v1.queue_service_pb2_grpc import QueueServiceStub
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from scheduler_server import Scheduler, create, detail, note, reason, wrong_fields


async def test_packs_are_listed_with_their_templates_and_without_their_data(scheduler: Scheduler) -> None:
    answer = await scheduler.templates.ListTemplatePacks(template_service_pb2.ListTemplatePacksRequest())
    packs = {pack.pack: pack for pack in answer.template_packs}
    assert {"invoice", "note"} <= set(packs)
    assert list(packs) == sorted(packs)
    assert packs["note"].name == "templatePacks/note@1.0.0"
    assert list(packs["note"].languages) == ["en"]
    template = packs["note"].templates[0]
    assert (template.template, list(template.formats), template.data_schema_json) == ("note", ["txt"], "")


@pytest.mark.parametrize("name", ["templatePacks/note", "templatePacks/note@1.0.0"])
async def test_a_pack_has_schemas_and_a_sample_that_validates(scheduler: Scheduler, name: str) -> None:
    request = template_service_pb2.GetTemplatePackRequest(name=name)
    pack = (await scheduler.templates.GetTemplatePack(request)).template_pack
    assert pack.name == "templatePacks/note@1.0.0"
    assert json.loads(pack.templates[0].data_schema_json)["required"] == ["text"]
    sample = pack.templates[0].sample_data_json
    checked = await scheduler.runs.CreateBundleRun(create(note(data_json=sample, salt=""), validate_only=True))
    assert checked.bundle_run.spec_digest


async def test_a_pack_that_is_not_there_is_not_found_and_the_nearest_is_named(scheduler: Scheduler) -> None:
    for name, near in (("templatePacks/notes", "'note'"), ("templatePacks/note@1.0.1", "1.0.0")):
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await scheduler.templates.GetTemplatePack(template_service_pb2.GetTemplatePackRequest(name=name))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason(missing.value) == "TEMPLATE_NOT_FOUND"
        info = detail(missing.value, error_details_pb2.ErrorInfo)
        assert info is not None
        assert near in info.metadata["hint"]
        resource = detail(missing.value, error_details_pb2.ResourceInfo)
        assert resource is not None
        assert (resource.resource_type, resource.resource_name) == ("docugen.v1.TemplatePack", name)


@pytest.mark.parametrize("name", ["", "note", "templatePacks/", "templatePacks/note@", "templatePacks/../note"])
async def test_a_name_of_another_form_is_refused(scheduler: Scheduler, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await scheduler.templates.GetTemplatePack(template_service_pb2.GetTemplatePackRequest(name=name))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert wrong_fields(refused.value) == ["name"]


async def test_every_method_of_the_queue_says_that_there_is_no_queue(scheduler: Scheduler) -> None:
    stub = QueueServiceStub(scheduler.channel)
    methods = queue_service_pb2.DESCRIPTOR.services_by_name["QueueService"].methods
    for method in methods:
        call = getattr(stub, method.name)(GetMessageClass(method.input_type)())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await (call.read() if method.server_streaming else call)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION, method.name
        assert reason(refused.value) == "QUEUE_DISABLED"
    assert len(methods) == 10
