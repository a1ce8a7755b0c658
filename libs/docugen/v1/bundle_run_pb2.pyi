import datetime

from docugen.v1 import bundle_pb2 as _bundle_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BundleRunView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUNDLE_RUN_VIEW_UNSPECIFIED: _ClassVar[BundleRunView]
    BUNDLE_RUN_VIEW_BASIC: _ClassVar[BundleRunView]
    BUNDLE_RUN_VIEW_FULL: _ClassVar[BundleRunView]
BUNDLE_RUN_VIEW_UNSPECIFIED: BundleRunView
BUNDLE_RUN_VIEW_BASIC: BundleRunView
BUNDLE_RUN_VIEW_FULL: BundleRunView

class BundleRun(_message.Message):
    __slots__ = ("name", "bundle_run_id", "spec_digest", "seed", "state", "revision", "create_time", "start_time", "finish_time", "next_attempt_time", "attempt", "max_attempts", "worker", "documents", "error", "execution_policy", "manifest_digest", "spec")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[BundleRun.State]
        STATE_QUEUED: _ClassVar[BundleRun.State]
        STATE_RUNNING: _ClassVar[BundleRun.State]
        STATE_RETRYING: _ClassVar[BundleRun.State]
        STATE_SUCCEEDED: _ClassVar[BundleRun.State]
        STATE_FAILED: _ClassVar[BundleRun.State]
        STATE_CANCELLING: _ClassVar[BundleRun.State]
        STATE_CANCELLED: _ClassVar[BundleRun.State]
    STATE_UNSPECIFIED: BundleRun.State
    STATE_QUEUED: BundleRun.State
    STATE_RUNNING: BundleRun.State
    STATE_RETRYING: BundleRun.State
    STATE_SUCCEEDED: BundleRun.State
    STATE_FAILED: BundleRun.State
    STATE_CANCELLING: BundleRun.State
    STATE_CANCELLED: BundleRun.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    name: str
    bundle_run_id: str
    spec_digest: str
    seed: str
    state: BundleRun.State
    revision: int
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    attempt: int
    max_attempts: int
    worker: str
    documents: _containers.RepeatedCompositeFieldContainer[DocumentProgress]
    error: RunError
    execution_policy: _bundle_pb2.ExecutionPolicy
    manifest_digest: str
    spec: _bundle_pb2.BundleSpec
    def __init__(self, name: _Optional[str] = ..., bundle_run_id: _Optional[str] = ..., spec_digest: _Optional[str] = ..., seed: _Optional[str] = ..., state: _Optional[_Union[BundleRun.State, str]] = ..., revision: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., worker: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[DocumentProgress, _Mapping]]] = ..., error: _Optional[_Union[RunError, _Mapping]] = ..., execution_policy: _Optional[_Union[_bundle_pb2.ExecutionPolicy, _Mapping]] = ..., manifest_digest: _Optional[str] = ..., spec: _Optional[_Union[_bundle_pb2.BundleSpec, _Mapping]] = ...) -> None: ...

class DocumentProgress(_message.Message):
    __slots__ = ("document", "state", "pages", "size_bytes")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[DocumentProgress.State]
        STATE_PENDING: _ClassVar[DocumentProgress.State]
        STATE_RENDERING: _ClassVar[DocumentProgress.State]
        STATE_RENDERED: _ClassVar[DocumentProgress.State]
        STATE_OMITTED: _ClassVar[DocumentProgress.State]
        STATE_FAILED: _ClassVar[DocumentProgress.State]
    STATE_UNSPECIFIED: DocumentProgress.State
    STATE_PENDING: DocumentProgress.State
    STATE_RENDERING: DocumentProgress.State
    STATE_RENDERED: DocumentProgress.State
    STATE_OMITTED: DocumentProgress.State
    STATE_FAILED: DocumentProgress.State
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    document: str
    state: DocumentProgress.State
    pages: int
    size_bytes: int
    def __init__(self, document: _Optional[str] = ..., state: _Optional[_Union[DocumentProgress.State, str]] = ..., pages: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class RunError(_message.Message):
    __slots__ = ("reason", "message", "hint", "retryable", "document", "location", "violations", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    hint: str
    retryable: bool
    document: str
    location: SourceLocation
    violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    details: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., retryable: _Optional[bool] = ..., document: _Optional[str] = ..., location: _Optional[_Union[SourceLocation, _Mapping]] = ..., violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ..., details: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SourceLocation(_message.Message):
    __slots__ = ("file", "line", "column", "expression")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    file: str
    line: int
    column: int
    expression: str
    def __init__(self, file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., expression: _Optional[str] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "description", "hint")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    hint: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...
