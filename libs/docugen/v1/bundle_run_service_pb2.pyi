import datetime

from docugen.v1 import bundle_pb2 as _bundle_pb2
from docugen.v1 import bundle_run_pb2 as _bundle_run_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateBundleRunRequest(_message.Message):
    __slots__ = ("bundle_run_id", "spec", "execution_policy", "validate_only", "return_immediately")
    BUNDLE_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    RETURN_IMMEDIATELY_FIELD_NUMBER: _ClassVar[int]
    bundle_run_id: str
    spec: _bundle_pb2.BundleSpec
    execution_policy: _bundle_pb2.ExecutionPolicy
    validate_only: bool
    return_immediately: bool
    def __init__(self, bundle_run_id: _Optional[str] = ..., spec: _Optional[_Union[_bundle_pb2.BundleSpec, _Mapping]] = ..., execution_policy: _Optional[_Union[_bundle_pb2.ExecutionPolicy, _Mapping]] = ..., validate_only: _Optional[bool] = ..., return_immediately: _Optional[bool] = ...) -> None: ...

class CreateBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run", "deduplicated")
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    DEDUPLICATED_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    deduplicated: bool
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ..., deduplicated: _Optional[bool] = ...) -> None: ...

class BatchCreateBundleRunsRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[CreateBundleRunRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[CreateBundleRunRequest, _Mapping]]] = ...) -> None: ...

class BatchCreateBundleRunsResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("response", "error")
        RESPONSE_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        response: CreateBundleRunResponse
        error: _bundle_run_pb2.RunError
        def __init__(self, response: _Optional[_Union[CreateBundleRunResponse, _Mapping]] = ..., error: _Optional[_Union[_bundle_run_pb2.RunError, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCreateBundleRunsResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCreateBundleRunsResponse.Result, _Mapping]]] = ...) -> None: ...

class GetBundleRunRequest(_message.Message):
    __slots__ = ("name", "view")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    name: str
    view: _bundle_run_pb2.BundleRunView
    def __init__(self, name: _Optional[str] = ..., view: _Optional[_Union[_bundle_run_pb2.BundleRunView, str]] = ...) -> None: ...

class GetBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run",)
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ...) -> None: ...

class ListBundleRunsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token", "view")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    filter: str
    page_size: int
    page_token: str
    view: _bundle_run_pb2.BundleRunView
    def __init__(self, filter: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., view: _Optional[_Union[_bundle_run_pb2.BundleRunView, str]] = ...) -> None: ...

class ListBundleRunsResponse(_message.Message):
    __slots__ = ("bundle_runs", "next_page_token")
    BUNDLE_RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    bundle_runs: _containers.RepeatedCompositeFieldContainer[_bundle_run_pb2.BundleRun]
    next_page_token: str
    def __init__(self, bundle_runs: _Optional[_Iterable[_Union[_bundle_run_pb2.BundleRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WaitBundleRunRequest(_message.Message):
    __slots__ = ("name", "timeout")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    timeout: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WaitBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run",)
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ...) -> None: ...

class WatchBundleRunRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class WatchBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run",)
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ...) -> None: ...

class CancelBundleRunRequest(_message.Message):
    __slots__ = ("name", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run",)
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ...) -> None: ...

class RetryBundleRunRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RetryBundleRunResponse(_message.Message):
    __slots__ = ("bundle_run",)
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    bundle_run: _bundle_run_pb2.BundleRun
    def __init__(self, bundle_run: _Optional[_Union[_bundle_run_pb2.BundleRun, _Mapping]] = ...) -> None: ...

class DeleteBundleRunRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteBundleRunResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyBundleRunRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class VerifyBundleRunResponse(_message.Message):
    __slots__ = ("verdict", "comparisons", "changed_inputs")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[VerifyBundleRunResponse.Verdict]
        VERDICT_IDENTICAL: _ClassVar[VerifyBundleRunResponse.Verdict]
        VERDICT_INPUTS_CHANGED: _ClassVar[VerifyBundleRunResponse.Verdict]
        VERDICT_DETERMINISM_VIOLATION: _ClassVar[VerifyBundleRunResponse.Verdict]
    VERDICT_UNSPECIFIED: VerifyBundleRunResponse.Verdict
    VERDICT_IDENTICAL: VerifyBundleRunResponse.Verdict
    VERDICT_INPUTS_CHANGED: VerifyBundleRunResponse.Verdict
    VERDICT_DETERMINISM_VIOLATION: VerifyBundleRunResponse.Verdict
    class Comparison(_message.Message):
        __slots__ = ("artefact", "expected_sha256", "actual_sha256", "equal")
        ARTEFACT_FIELD_NUMBER: _ClassVar[int]
        EXPECTED_SHA256_FIELD_NUMBER: _ClassVar[int]
        ACTUAL_SHA256_FIELD_NUMBER: _ClassVar[int]
        EQUAL_FIELD_NUMBER: _ClassVar[int]
        artefact: str
        expected_sha256: str
        actual_sha256: str
        equal: bool
        def __init__(self, artefact: _Optional[str] = ..., expected_sha256: _Optional[str] = ..., actual_sha256: _Optional[str] = ..., equal: _Optional[bool] = ...) -> None: ...
    class ChangedInput(_message.Message):
        __slots__ = ("input", "before", "now")
        INPUT_FIELD_NUMBER: _ClassVar[int]
        BEFORE_FIELD_NUMBER: _ClassVar[int]
        NOW_FIELD_NUMBER: _ClassVar[int]
        input: str
        before: str
        now: str
        def __init__(self, input: _Optional[str] = ..., before: _Optional[str] = ..., now: _Optional[str] = ...) -> None: ...
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_INPUTS_FIELD_NUMBER: _ClassVar[int]
    verdict: VerifyBundleRunResponse.Verdict
    comparisons: _containers.RepeatedCompositeFieldContainer[VerifyBundleRunResponse.Comparison]
    changed_inputs: _containers.RepeatedCompositeFieldContainer[VerifyBundleRunResponse.ChangedInput]
    def __init__(self, verdict: _Optional[_Union[VerifyBundleRunResponse.Verdict, str]] = ..., comparisons: _Optional[_Iterable[_Union[VerifyBundleRunResponse.Comparison, _Mapping]]] = ..., changed_inputs: _Optional[_Iterable[_Union[VerifyBundleRunResponse.ChangedInput, _Mapping]]] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("mode", "formats", "generators", "engine_fingerprint", "engine_components", "limits", "version")
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[GetCapabilitiesResponse.Mode]
        MODE_INLINE: _ClassVar[GetCapabilitiesResponse.Mode]
        MODE_QUEUE: _ClassVar[GetCapabilitiesResponse.Mode]
    MODE_UNSPECIFIED: GetCapabilitiesResponse.Mode
    MODE_INLINE: GetCapabilitiesResponse.Mode
    MODE_QUEUE: GetCapabilitiesResponse.Mode
    class Limits(_message.Message):
        __slots__ = ("max_request_bytes", "max_documents", "max_data_depth", "max_pages", "max_rows", "max_artefact_bytes", "render_timeout", "max_batch_size", "max_wait")
        MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
        MAX_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
        MAX_DATA_DEPTH_FIELD_NUMBER: _ClassVar[int]
        MAX_PAGES_FIELD_NUMBER: _ClassVar[int]
        MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
        MAX_ARTEFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
        RENDER_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
        MAX_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
        MAX_WAIT_FIELD_NUMBER: _ClassVar[int]
        max_request_bytes: int
        max_documents: int
        max_data_depth: int
        max_pages: int
        max_rows: int
        max_artefact_bytes: int
        render_timeout: _duration_pb2.Duration
        max_batch_size: int
        max_wait: _duration_pb2.Duration
        def __init__(self, max_request_bytes: _Optional[int] = ..., max_documents: _Optional[int] = ..., max_data_depth: _Optional[int] = ..., max_pages: _Optional[int] = ..., max_rows: _Optional[int] = ..., max_artefact_bytes: _Optional[int] = ..., render_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_batch_size: _Optional[int] = ..., max_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...
    class EngineComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODE_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    GENERATORS_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    mode: GetCapabilitiesResponse.Mode
    formats: _containers.RepeatedScalarFieldContainer[str]
    generators: _containers.RepeatedScalarFieldContainer[str]
    engine_fingerprint: str
    engine_components: _containers.ScalarMap[str, str]
    limits: GetCapabilitiesResponse.Limits
    version: str
    def __init__(self, mode: _Optional[_Union[GetCapabilitiesResponse.Mode, str]] = ..., formats: _Optional[_Iterable[str]] = ..., generators: _Optional[_Iterable[str]] = ..., engine_fingerprint: _Optional[str] = ..., engine_components: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Union[GetCapabilitiesResponse.Limits, _Mapping]] = ..., version: _Optional[str] = ...) -> None: ...
