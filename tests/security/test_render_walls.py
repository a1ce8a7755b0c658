"""The outer walls of a render process, which stand also where a sandbox should have a hole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docugen_core.adapters.render_pool import RenderPool
from docugen_core.config import Settings
from pack_examples import PLEX, a_task

MAY_LEAVE = """
import ctypes, sys
system = ctypes.CDLL(None)
sys.exit(not any(system.unshare(flags) == 0 for flags in (0x40000000, 0x50000000)))
"""


def network_of(process: int | str) -> tuple[str, list[str]]:
    """The namespace of a process, and what of the network is in it."""
    proc = Path(f"/proc/{process}")
    return str((proc / "ns" / "net").readlink()), (proc / "net" / "dev").read_text().splitlines()[2:]


def may_leave_the_network() -> bool:
    return subprocess.run([sys.executable, "-c", MAY_LEAVE], check=False).returncode == 0


async def test_a_render_process_has_no_network_where_the_kernel_lets_it_have_none() -> None:
    allowed = may_leave_the_network()
    async with RenderPool(Settings(render_processes=1)) as pool:
        await pool.render(a_task(PLEX + "hello"))
        (process,) = pool.process_ids
        namespace, interfaces = network_of(process)
    assert (namespace != network_of("self")[0]) is allowed
    if allowed:
        (loopback,) = interfaces
        assert loopback.split() == ["lo:", *["0"] * 16], "and even that was never used"
