from docugen.v1 import bundle_pb2 as _bundle_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueuedJob(_message.Message):
    __slots__ = ("bundle_run_id", "tenant", "spec_json", "spec_digest", "execution_policy", "max_attempts", "pack_digests", "traceparent", "tracestate")
    BUNDLE_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PACK_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    bundle_run_id: str
    tenant: str
    spec_json: bytes
    spec_digest: str
    execution_policy: _bundle_pb2.ExecutionPolicy
    max_attempts: int
    pack_digests: _containers.RepeatedScalarFieldContainer[str]
    traceparent: str
    tracestate: str
    def __init__(self, bundle_run_id: _Optional[str] = ..., tenant: _Optional[str] = ..., spec_json: _Optional[bytes] = ..., spec_digest: _Optional[str] = ..., execution_policy: _Optional[_Union[_bundle_pb2.ExecutionPolicy, _Mapping]] = ..., max_attempts: _Optional[int] = ..., pack_digests: _Optional[_Iterable[str]] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ...) -> None: ...
