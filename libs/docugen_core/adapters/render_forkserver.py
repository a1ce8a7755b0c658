"""The fork server: a small, single-threaded process that has the engines imported and forks render processes on demand.

Why one of our own and not multiprocessing's: it must start with an environment we choose (PYTHONHASHSEED is read once, at
start; a service's secrets stay out), must not load the service's `__main__` (grpc and fork do not mix), has to report how a
process died, and a first document should not wait for a second helper process (multiprocessing starts two).

Forking is safe in here because nothing has been *used* before the fork: Typst starts its threads with the first document, and a
process forked after that hangs. Imports, fonts and an unused compiler start none.

Protocol, one datagram a message, over an inherited socket pair:

    service -> fork server   F + file descriptor    fork a render process that serves this socket
                             K<pid>                 kill it, now
    fork server -> service   S<pid>                 forked, in the order of the F's
                             X<pid> <status> <m>    ended, with its wait status; m: 1 if its last words told of memory
                             E<code> <message>      cannot start; the fork server ends

When the service's end closes, in whatever way the service ended, all render processes are killed. When the fork server dies,
the kernel kills them (PR_SET_PDEATHSIG). No signal of a terminal or supervisor reaches either: ending is the service's matter.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress

from docugen_core.adapters.render_child import serve, tells_of_memory
from docugen_core.adapters.render_launch import ChildLimits
from docugen_core.errors import DocugenError
from docugen_core.rendering.typst_library import check_library

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000
MESSAGE_MAX = 4_096
IDLE_MS = 1_000
"""Longer than a `docugen render` of some documents: it would pay for these imports and never use them."""
LAST_WORDS_MAX = 65_536


def main() -> None:
    """`argv`: the number of the inherited socket, the ChildLimits as JSON, the digest of the service's Typst library."""
    control = socket.socket(fileno=int(sys.argv[1]))
    limits = ChildLimits(**json.loads(sys.argv[2]))
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    system = ctypes.CDLL(None)
    system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _leave_the_network(system)
    gc.disable()  # nothing that imports make is garbage
    try:
        check_library(sys.argv[3])
        _import_for_first_document()
    except DocugenError as error:
        with suppress(ConnectionError):  # the service met the same error and ended
            control.send(f"E{error.reason} {error.message}".encode()[:MESSAGE_MAX])
        return
    gc.freeze()
    gc.enable()
    _ForkServer(control, limits, system).run()


def _leave_the_network(system: ctypes.CDLL) -> None:
    """Best effort: not every container may. Without it the dead proxy still stops the one door, package imports."""
    for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET):
        if system.unshare(flags) == 0:
            return


def _import_for_first_document() -> None:
    from docugen_core.rendering import compilers, locale, pdf  # noqa: F401 - pdf: for the first document

    compilers.compiler()
    locale.locale_facts("en-GB")


def _import_the_rest() -> None:
    """In the first idle second: later render processes inherit these, the first ones import them when needed."""
    for module in (
        "babel.dates",
        "minijinja",
        "xlsxwriter",
        "pypdfium2",
        "PIL.PngImagePlugin",
        "pikepdf",
        *(
            f"docugen_core.rendering.{n}"
            for n in ("text", "csv", "xlsx", "docx", "page_images", "pdf_attachments", "pdf_merge")
        ),
    ):
        importlib.import_module(module)


class _ForkServer:
    def __init__(self, control: socket.socket, limits: ChildLimits, system: ctypes.CDLL) -> None:
        self._control = control
        self._limits = limits
        self._system = system
        self._children: dict[int, int] = {}
        """Render processes, and where each one's stderr is read."""
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the service is gone, then take every render process along."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            self._serve()
        except ConnectionError:
            pass
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        idle_ms: int | None = IDLE_MS
        while True:
            ready = {fd for fd, _ in poll.poll(idle_ms)}
            if not ready:
                _import_the_rest()
                gc.freeze()
                idle_ms = None
            if self._woken in ready:
                os.read(self._woken, MESSAGE_MAX)
                self._reap()
            if self._control.fileno() in ready and not self._obey():
                return

    def _obey(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_MAX, 1)
        if message.startswith(b"F"):
            self._fork(descriptors[0])
        elif message.startswith(b"K"):
            pid = int(message[1:])
            # A pid that has been reaped may already belong to somebody else.
            if pid in self._children:
                os.kill(pid, signal.SIGKILL)
        return bool(message)

    def _fork(self, descriptor: int) -> None:
        server = os.getpid()
        # Never blocks its writer; nobody reads it unless the process ends.
        words, stderr = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self._become_child(server, stderr)
                serve(socket.socket(fileno=descriptor), self._limits)
                status = 0
            except ConnectionError:
                status = 0
            finally:
                # No clean-up handlers: they belong to the fork server. Not for a BaseException either.
                os._exit(status)
        os.close(descriptor)
        os.close(stderr)
        self._children[pid] = words
        self._control.send(b"S%d" % pid)

    def _become_child(self, server: int, stderr: int) -> None:
        self._system.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != server:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._control.fileno(), self._woken, self._waker, *self._children.values()):
            os.close(descriptor)
        # A panicking engine writes to stderr what it was working on, somebody's document: it goes no further than the fork
        # server, which looks for one word in it.
        silence = os.open(os.devnull, os.O_RDWR)
        for standard in range(2):
            os.dup2(silence, standard)
        os.dup2(stderr, 2)
        os.close(silence)
        os.close(stderr)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self._control.send(b"X%d %d %d" % (pid, status, self._spoke_of_memory(pid)))

    def _spoke_of_memory(self, pid: int) -> bool:
        words = self._children.pop(pid, None)
        if words is None:
            return False
        try:
            return tells_of_memory(os.read(words, LAST_WORDS_MAX))
        except BlockingIOError:
            return False
        finally:
            os.close(words)
