import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BundleSpec(_message.Message):
    __slots__ = ("documents", "data_json", "generate", "seed", "locale", "time_zone", "document_date", "specimen", "salt")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    SPECIMEN_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[DocumentSpec]
    data_json: str
    generate: GenerateSpec
    seed: str
    locale: str
    time_zone: str
    document_date: str
    specimen: bool
    salt: str
    def __init__(self, documents: _Optional[_Iterable[_Union[DocumentSpec, _Mapping]]] = ..., data_json: _Optional[str] = ..., generate: _Optional[_Union[GenerateSpec, _Mapping]] = ..., seed: _Optional[str] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., document_date: _Optional[str] = ..., specimen: _Optional[bool] = ..., salt: _Optional[str] = ...) -> None: ...

class DocumentSpec(_message.Message):
    __slots__ = ("name", "format", "template", "data_json", "optional", "fallback", "members", "page", "ppi", "attachments")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PPI_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    format: str
    template: str
    data_json: str
    optional: bool
    fallback: str
    members: _containers.RepeatedScalarFieldContainer[str]
    page: int
    ppi: int
    attachments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., format: _Optional[str] = ..., template: _Optional[str] = ..., data_json: _Optional[str] = ..., optional: _Optional[bool] = ..., fallback: _Optional[str] = ..., members: _Optional[_Iterable[str]] = ..., page: _Optional[int] = ..., ppi: _Optional[int] = ..., attachments: _Optional[_Iterable[str]] = ...) -> None: ...

class GenerateSpec(_message.Message):
    __slots__ = ("name", "params_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARAMS_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    params_json: str
    def __init__(self, name: _Optional[str] = ..., params_json: _Optional[str] = ...) -> None: ...

class ExecutionPolicy(_message.Message):
    __slots__ = ("priority", "max_attempts", "labels", "not_before")
    class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PRIORITY_UNSPECIFIED: _ClassVar[ExecutionPolicy.Priority]
        PRIORITY_HIGH: _ClassVar[ExecutionPolicy.Priority]
        PRIORITY_NORMAL: _ClassVar[ExecutionPolicy.Priority]
        PRIORITY_LOW: _ClassVar[ExecutionPolicy.Priority]
    PRIORITY_UNSPECIFIED: ExecutionPolicy.Priority
    PRIORITY_HIGH: ExecutionPolicy.Priority
    PRIORITY_NORMAL: ExecutionPolicy.Priority
    PRIORITY_LOW: ExecutionPolicy.Priority
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    priority: ExecutionPolicy.Priority
    max_attempts: int
    labels: _containers.ScalarMap[str, str]
    not_before: _timestamp_pb2.Timestamp
    def __init__(self, priority: _Optional[_Union[ExecutionPolicy.Priority, str]] = ..., max_attempts: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
