"""Redis for tests, never a skip: DOCUGEN_TEST_REDIS_URL, else Docker, else redis-server on the path, else the embedded Valkey.

`default_server` is that one. `every_server` names all deployments at hand: the contract of the queue holds on each. Tests
share a server and take a queue of their own (`queue_name`); a test that breaks a server starts one (`own_server`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docugen_core.adapters.embedded_redis import EmbeddedRedis, valkey_binary
from redis import Redis

# Nothing here must survive a power cut; tests of durability ask for `appendfsync always` themselves.
QUICK = {"appendfsync": "no"}
GIVEN_URL = os.environ.get("DOCUGEN_TEST_REDIS_URL", "")  # noqa: TID251 - which server tests use is theirs to know
CLUSTER_NODES = 3
PORT_MIN, PORT_MAX = 10_000, 32_768
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""First and last of the ports that Linux gives away by itself."""

_PORTS: list[int] = []
"""Descriptors that hold the ports of this process; the system closes them with it."""


def binaries() -> dict[str, Path]:
    """Server binaries by name: the embedded one, and redis-server where it is installed."""
    installed = shutil.which("redis-server")
    return {"valkey": valkey_binary()} | ({"redis-server": Path(installed)} if installed else {})


def every_server() -> list[str]:
    """Names for `server`: each binary as a single server, a cluster of the embedded one, and the given or Docker one."""
    return [*binaries(), "cluster", *(["default"] if GIVEN_URL or _docker_answers() else [])]


@contextmanager
def server(name: str) -> Iterator[str]:
    """The URL of a running server of that name."""
    with ExitStack() as stack:
        if name == "cluster":
            yield stack.enter_context(own_cluster())[0]
        elif name == "default":
            yield stack.enter_context(default_server())
        else:
            yield stack.enter_context(own_server(binaries()[name])).url


@contextmanager
def default_server() -> Iterator[str]:
    """The URL of the first of: the given one, Docker, redis-server, the embedded Valkey."""
    if GIVEN_URL:
        yield GIVEN_URL
    elif _docker_answers():
        from testcontainers.redis import RedisContainer

        with RedisContainer("redis:7-alpine") as container:
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
    else:
        with own_server([*binaries().values()][-1]) as own:
            yield own.url


@contextmanager
def own_server(binary: Path | None = None, **settings: str) -> Iterator[EmbeddedRedis]:
    """A server for one test, on a socket. settings: lines of redis.conf with _ for -."""
    lines = QUICK | {name.replace("_", "-"): value for name, value in settings.items()}
    with TemporaryDirectory(prefix="dgq-") as folder, EmbeddedRedis(Path(folder), binary=binary, settings=lines) as own:
        yield own


def queue_name(test: str) -> str:
    """A queue name of its own for each test id."""
    return f"test:{hashlib.sha256(test.encode()).hexdigest()[:16]}"


def free_port() -> int:
    """A loopback port that stays this process's until it ends, also between two servers on it.

    It lies below those that the system picks for `bind(0)` and for outgoing connections. It is held by being bound for UDP,
    which nobody here speaks: so processes of tests that run side by side never choose the same.
    """
    picked = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else PORT_MAX
    room = range(PORT_MIN, picked if PORT_MIN + 1_000 < picked < PORT_MAX else PORT_MAX)
    for step in range(len(room)):
        port = room[(os.getpid() * 97 + len(_PORTS) + step) % len(room)]
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _PORTS.append(claim.detach())
        return port
    raise AssertionError(f"no free port from {room.start} to {room.stop}")


@contextmanager
def own_cluster() -> Iterator[tuple[str, list[EmbeddedRedis]]]:
    """The URL and the nodes of a cluster: three primaries that share the slots, without replicas."""
    with TemporaryDirectory(prefix="dgc-") as folder, ExitStack() as stack:
        nodes = []
        for number in range(CLUSTER_NODES):
            port, bus = free_port(), free_port()
            lines = QUICK | {"cluster-enabled": "yes", "cluster-port": str(bus), "cluster-node-timeout": "60000"}
            node = EmbeddedRedis(Path(folder) / str(number), port=port, settings=lines)
            nodes.append((stack.enter_context(node), bus))
        clients = [stack.enter_context(Redis(port=node.port)) for node, _ in nodes]
        share = -(-16_384 // CLUSTER_NODES)
        for number, client in enumerate(clients):
            client.cluster("SET-CONFIG-EPOCH", number + 1)
            last = min((number + 1) * share, 16_384) - 1
            client.cluster("ADDSLOTSRANGE", number * share, last)
            for node, bus in nodes[:number]:
                client.cluster("MEET", "127.0.0.1", node.port, bus)
        wait_until("every node of the cluster sees all slots", lambda: all(_cluster_is_whole(c) for c in clients))
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node, _ in nodes)
        yield url, [node for node, _ in nodes]


def _cluster_is_whole(client: Redis) -> bool:
    info: Any = client.cluster("INFO")
    text = info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    return bool(text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == CLUSTER_NODES)


def wait_until(description: str, holds: Callable[[], bool], timeout_s: float = 60) -> None:
    """Return once `holds()`; fail with the description when it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {description}"
        time.sleep(0.01)


def _docker_answers() -> bool:
    if not (os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()):  # noqa: TID251 - as above
        return False
    try:
        import_module("docker").from_env(timeout=2).ping()
    except Exception:  # noqa: BLE001 - no package, no engine, no right: the next choice serves as well
        return False
    return True
