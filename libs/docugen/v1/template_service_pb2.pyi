from docugen.v1 import bundle_pb2 as _bundle_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TemplatePack(_message.Message):
    __slots__ = ("name", "pack", "version", "digest", "description", "templates", "languages")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PACK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    name: str
    pack: str
    version: str
    digest: str
    description: str
    templates: _containers.RepeatedCompositeFieldContainer[Template]
    languages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., pack: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., description: _Optional[str] = ..., templates: _Optional[_Iterable[_Union[Template, _Mapping]]] = ..., languages: _Optional[_Iterable[str]] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("template", "title", "description", "formats", "data_schema_json", "sample_data_json")
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    DATA_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    template: str
    title: str
    description: str
    formats: _containers.RepeatedScalarFieldContainer[str]
    data_schema_json: str
    sample_data_json: str
    def __init__(self, template: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., formats: _Optional[_Iterable[str]] = ..., data_schema_json: _Optional[str] = ..., sample_data_json: _Optional[str] = ...) -> None: ...

class ListTemplatePacksRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTemplatePacksResponse(_message.Message):
    __slots__ = ("template_packs",)
    TEMPLATE_PACKS_FIELD_NUMBER: _ClassVar[int]
    template_packs: _containers.RepeatedCompositeFieldContainer[TemplatePack]
    def __init__(self, template_packs: _Optional[_Iterable[_Union[TemplatePack, _Mapping]]] = ...) -> None: ...

class GetTemplatePackRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetTemplatePackResponse(_message.Message):
    __slots__ = ("template_pack",)
    TEMPLATE_PACK_FIELD_NUMBER: _ClassVar[int]
    template_pack: TemplatePack
    def __init__(self, template_pack: _Optional[_Union[TemplatePack, _Mapping]] = ...) -> None: ...

class PreviewDocumentRequest(_message.Message):
    __slots__ = ("spec", "document", "rendition", "pages", "ppi")
    class Rendition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        RENDITION_UNSPECIFIED: _ClassVar[PreviewDocumentRequest.Rendition]
        RENDITION_PNG: _ClassVar[PreviewDocumentRequest.Rendition]
        RENDITION_PDF: _ClassVar[PreviewDocumentRequest.Rendition]
    RENDITION_UNSPECIFIED: PreviewDocumentRequest.Rendition
    RENDITION_PNG: PreviewDocumentRequest.Rendition
    RENDITION_PDF: PreviewDocumentRequest.Rendition
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    RENDITION_FIELD_NUMBER: _ClassVar[int]
    PAGES_FIELD_NUMBER: _ClassVar[int]
    PPI_FIELD_NUMBER: _ClassVar[int]
    spec: _bundle_pb2.BundleSpec
    document: str
    rendition: PreviewDocumentRequest.Rendition
    pages: _containers.RepeatedScalarFieldContainer[int]
    ppi: int
    def __init__(self, spec: _Optional[_Union[_bundle_pb2.BundleSpec, _Mapping]] = ..., document: _Optional[str] = ..., rendition: _Optional[_Union[PreviewDocumentRequest.Rendition, str]] = ..., pages: _Optional[_Iterable[int]] = ..., ppi: _Optional[int] = ...) -> None: ...

class PreviewDocumentResponse(_message.Message):
    __slots__ = ("page_count", "renditions")
    PAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    RENDITIONS_FIELD_NUMBER: _ClassVar[int]
    page_count: int
    renditions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, page_count: _Optional[int] = ..., renditions: _Optional[_Iterable[bytes]] = ...) -> None: ...
