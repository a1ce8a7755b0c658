import datetime

from docugen.v1 import bundle_run_pb2 as _bundle_run_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueueStats(_message.Message):
    __slots__ = ("observe_time", "depth", "parked", "in_flight", "dead_letters", "oldest_age", "workers", "slots", "paused", "entered", "lanes", "upcoming")
    class Lane(_message.Message):
        __slots__ = ("name", "waiting", "in_flight", "parked")
        NAME_FIELD_NUMBER: _ClassVar[int]
        WAITING_FIELD_NUMBER: _ClassVar[int]
        IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
        PARKED_FIELD_NUMBER: _ClassVar[int]
        name: str
        waiting: int
        in_flight: int
        parked: int
        def __init__(self, name: _Optional[str] = ..., waiting: _Optional[int] = ..., in_flight: _Optional[int] = ..., parked: _Optional[int] = ...) -> None: ...
    class Upcoming(_message.Message):
        __slots__ = ("bundle_run", "due_time", "attempt", "reason")
        BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
        DUE_TIME_FIELD_NUMBER: _ClassVar[int]
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        bundle_run: str
        due_time: _timestamp_pb2.Timestamp
        attempt: int
        reason: str
        def __init__(self, bundle_run: _Optional[str] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    PARKED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_AGE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    ENTERED_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    UPCOMING_FIELD_NUMBER: _ClassVar[int]
    observe_time: _timestamp_pb2.Timestamp
    depth: int
    parked: int
    in_flight: int
    dead_letters: int
    oldest_age: _duration_pb2.Duration
    workers: int
    slots: int
    paused: bool
    entered: int
    lanes: _containers.RepeatedCompositeFieldContainer[QueueStats.Lane]
    upcoming: _containers.RepeatedCompositeFieldContainer[QueueStats.Upcoming]
    def __init__(self, observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., depth: _Optional[int] = ..., parked: _Optional[int] = ..., in_flight: _Optional[int] = ..., dead_letters: _Optional[int] = ..., oldest_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., workers: _Optional[int] = ..., slots: _Optional[int] = ..., paused: _Optional[bool] = ..., entered: _Optional[int] = ..., lanes: _Optional[_Iterable[_Union[QueueStats.Lane, _Mapping]]] = ..., upcoming: _Optional[_Iterable[_Union[QueueStats.Upcoming, _Mapping]]] = ...) -> None: ...

class GetQueueStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetQueueStatsResponse(_message.Message):
    __slots__ = ("stats",)
    STATS_FIELD_NUMBER: _ClassVar[int]
    stats: QueueStats
    def __init__(self, stats: _Optional[_Union[QueueStats, _Mapping]] = ...) -> None: ...

class WatchQueueStatsRequest(_message.Message):
    __slots__ = ("interval",)
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchQueueStatsResponse(_message.Message):
    __slots__ = ("stats",)
    STATS_FIELD_NUMBER: _ClassVar[int]
    stats: QueueStats
    def __init__(self, stats: _Optional[_Union[QueueStats, _Mapping]] = ...) -> None: ...

class PauseQueueRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class PauseQueueResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeQueueRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeQueueResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Worker(_message.Message):
    __slots__ = ("name", "host", "process_id", "start_time", "seen_time", "slots", "bundle_runs", "engine_fingerprint", "version", "draining", "jobs")
    class Job(_message.Message):
        __slots__ = ("bundle_run", "attempt", "age", "documents", "documents_ended", "document")
        BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        AGE_FIELD_NUMBER: _ClassVar[int]
        DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
        DOCUMENTS_ENDED_FIELD_NUMBER: _ClassVar[int]
        DOCUMENT_FIELD_NUMBER: _ClassVar[int]
        bundle_run: str
        attempt: int
        age: _duration_pb2.Duration
        documents: int
        documents_ended: int
        document: str
        def __init__(self, bundle_run: _Optional[str] = ..., attempt: _Optional[int] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., documents: _Optional[int] = ..., documents_ended: _Optional[int] = ..., document: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_RUNS_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    name: str
    host: str
    process_id: int
    start_time: _timestamp_pb2.Timestamp
    seen_time: _timestamp_pb2.Timestamp
    slots: int
    bundle_runs: _containers.RepeatedScalarFieldContainer[str]
    engine_fingerprint: str
    version: str
    draining: bool
    jobs: _containers.RepeatedCompositeFieldContainer[Worker.Job]
    def __init__(self, name: _Optional[str] = ..., host: _Optional[str] = ..., process_id: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., slots: _Optional[int] = ..., bundle_runs: _Optional[_Iterable[str]] = ..., engine_fingerprint: _Optional[str] = ..., version: _Optional[str] = ..., draining: _Optional[bool] = ..., jobs: _Optional[_Iterable[_Union[Worker.Job, _Mapping]]] = ...) -> None: ...

class ListWorkersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers", "next_page_token")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    next_page_token: str
    def __init__(self, workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DrainWorkerRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DrainWorkerResponse(_message.Message):
    __slots__ = ("worker",)
    WORKER_FIELD_NUMBER: _ClassVar[int]
    worker: Worker
    def __init__(self, worker: _Optional[_Union[Worker, _Mapping]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("name", "bundle_run", "create_time", "error", "attempts", "redrive_count", "engine_fingerprint", "spec_json")
    class Attempt(_message.Message):
        __slots__ = ("number", "worker", "start_time", "finish_time", "error")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        WORKER_FIELD_NUMBER: _ClassVar[int]
        START_TIME_FIELD_NUMBER: _ClassVar[int]
        FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        number: int
        worker: str
        start_time: _timestamp_pb2.Timestamp
        finish_time: _timestamp_pb2.Timestamp
        error: _bundle_run_pb2.RunError
        def __init__(self, number: _Optional[int] = ..., worker: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[_bundle_run_pb2.RunError, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_RUN_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REDRIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    bundle_run: str
    create_time: _timestamp_pb2.Timestamp
    error: _bundle_run_pb2.RunError
    attempts: _containers.RepeatedCompositeFieldContainer[DeadLetter.Attempt]
    redrive_count: int
    engine_fingerprint: str
    spec_json: bytes
    def __init__(self, name: _Optional[str] = ..., bundle_run: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[_bundle_run_pb2.RunError, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[DeadLetter.Attempt, _Mapping]]] = ..., redrive_count: _Optional[int] = ..., engine_fingerprint: _Optional[str] = ..., spec_json: _Optional[bytes] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: str
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("dead_letters", "next_page_token")
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_page_token: str
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetDeadLetterRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetDeadLetterResponse(_message.Message):
    __slots__ = ("dead_letter",)
    DEAD_LETTER_FIELD_NUMBER: _ClassVar[int]
    dead_letter: DeadLetter
    def __init__(self, dead_letter: _Optional[_Union[DeadLetter, _Mapping]] = ...) -> None: ...

class RedriveDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "limit", "rate", "dry_run", "force")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    filter: str
    limit: int
    rate: int
    dry_run: bool
    force: bool
    def __init__(self, filter: _Optional[str] = ..., limit: _Optional[int] = ..., rate: _Optional[int] = ..., dry_run: _Optional[bool] = ..., force: _Optional[bool] = ...) -> None: ...

class RedriveDeadLettersResponse(_message.Message):
    __slots__ = ("redriven", "refused", "bundle_runs")
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_RUNS_FIELD_NUMBER: _ClassVar[int]
    redriven: int
    refused: int
    bundle_runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, redriven: _Optional[int] = ..., refused: _Optional[int] = ..., bundle_runs: _Optional[_Iterable[str]] = ...) -> None: ...

class DropDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "dry_run")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    filter: str
    dry_run: bool
    def __init__(self, filter: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class DropDeadLettersResponse(_message.Message):
    __slots__ = ("dropped", "bundle_runs")
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_RUNS_FIELD_NUMBER: _ClassVar[int]
    dropped: int
    bundle_runs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dropped: _Optional[int] = ..., bundle_runs: _Optional[_Iterable[str]] = ...) -> None: ...
