import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Artefact(_message.Message):
    __slots__ = ("name", "file_name", "format", "media_type", "status", "size_bytes", "sha256", "pages", "document_digest", "omission_reason", "fallback_reason")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Artefact.Status]
        STATUS_RENDERED: _ClassVar[Artefact.Status]
        STATUS_OMITTED: _ClassVar[Artefact.Status]
    STATUS_UNSPECIFIED: Artefact.Status
    STATUS_RENDERED: Artefact.Status
    STATUS_OMITTED: Artefact.Status
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OMISSION_REASON_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    file_name: str
    format: str
    media_type: str
    status: Artefact.Status
    size_bytes: int
    sha256: str
    pages: int
    document_digest: str
    omission_reason: str
    fallback_reason: str
    def __init__(self, name: _Optional[str] = ..., file_name: _Optional[str] = ..., format: _Optional[str] = ..., media_type: _Optional[str] = ..., status: _Optional[_Union[Artefact.Status, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., pages: _Optional[int] = ..., document_digest: _Optional[str] = ..., omission_reason: _Optional[str] = ..., fallback_reason: _Optional[str] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("spec_digest", "seed", "engine_fingerprint", "engine_components", "fonts", "template_packs", "generators", "artefacts")
    class EngineComponentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class FontsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class Pack(_message.Message):
        __slots__ = ("name", "version", "digest")
        NAME_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        DIGEST_FIELD_NUMBER: _ClassVar[int]
        name: str
        version: str
        digest: str
        def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...
    class GeneratorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SPEC_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    FONTS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_PACKS_FIELD_NUMBER: _ClassVar[int]
    GENERATORS_FIELD_NUMBER: _ClassVar[int]
    ARTEFACTS_FIELD_NUMBER: _ClassVar[int]
    spec_digest: str
    seed: str
    engine_fingerprint: str
    engine_components: _containers.ScalarMap[str, str]
    fonts: _containers.ScalarMap[str, str]
    template_packs: _containers.RepeatedCompositeFieldContainer[Manifest.Pack]
    generators: _containers.ScalarMap[str, str]
    artefacts: _containers.RepeatedCompositeFieldContainer[Artefact]
    def __init__(self, spec_digest: _Optional[str] = ..., seed: _Optional[str] = ..., engine_fingerprint: _Optional[str] = ..., engine_components: _Optional[_Mapping[str, str]] = ..., fonts: _Optional[_Mapping[str, str]] = ..., template_packs: _Optional[_Iterable[_Union[Manifest.Pack, _Mapping]]] = ..., generators: _Optional[_Mapping[str, str]] = ..., artefacts: _Optional[_Iterable[_Union[Artefact, _Mapping]]] = ...) -> None: ...

class GetManifestRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetManifestResponse(_message.Message):
    __slots__ = ("manifest", "manifest_json", "sha256", "signature_json")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_JSON_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_JSON_FIELD_NUMBER: _ClassVar[int]
    manifest: Manifest
    manifest_json: bytes
    sha256: str
    signature_json: bytes
    def __init__(self, manifest: _Optional[_Union[Manifest, _Mapping]] = ..., manifest_json: _Optional[bytes] = ..., sha256: _Optional[str] = ..., signature_json: _Optional[bytes] = ...) -> None: ...

class ListArtefactsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListArtefactsResponse(_message.Message):
    __slots__ = ("artefacts", "next_page_token")
    ARTEFACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    artefacts: _containers.RepeatedCompositeFieldContainer[Artefact]
    next_page_token: str
    def __init__(self, artefacts: _Optional[_Iterable[_Union[Artefact, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReadArtefactRequest(_message.Message):
    __slots__ = ("name", "sha256", "read_offset", "read_limit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    READ_OFFSET_FIELD_NUMBER: _ClassVar[int]
    READ_LIMIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    read_offset: int
    read_limit: int
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ..., read_offset: _Optional[int] = ..., read_limit: _Optional[int] = ...) -> None: ...

class ReadArtefactResponse(_message.Message):
    __slots__ = ("header", "chunk")
    class Header(_message.Message):
        __slots__ = ("size_bytes", "sha256", "media_type", "file_name")
        SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
        SHA256_FIELD_NUMBER: _ClassVar[int]
        MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
        FILE_NAME_FIELD_NUMBER: _ClassVar[int]
        size_bytes: int
        sha256: str
        media_type: str
        file_name: str
        def __init__(self, size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., file_name: _Optional[str] = ...) -> None: ...
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: ReadArtefactResponse.Header
    chunk: bytes
    def __init__(self, header: _Optional[_Union[ReadArtefactResponse.Header, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class SignArtefactUrlRequest(_message.Message):
    __slots__ = ("name", "lifetime")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    lifetime: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SignArtefactUrlResponse(_message.Message):
    __slots__ = ("url", "expire_time")
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
