"""Child processes that do not outlive this one, however it ends: the kernel kills them (PR_SET_PDEATHSIG, Linux).

The signal comes when the *thread* that started the child ends: start children from one that lives on, best the main one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# Runs between fork and exec, in a process of its own: code of ours after fork() in a threaded parent could hang.
_LAUNCHER = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that asked for this one is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """The command that runs `command` as a child tied to this process. The first word is the path of a program."""
    return [sys.executable, "-IS", "-c", _LAUNCHER, str(os.getpid()), *command]
