"""Typst's WebAssembly plugins, tried: they get nothing of the system, and are bounded like any template."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from docugen_core.adapters.render_pool import RenderPool
from pack_examples import a_task
from sandbox_attacks import killed, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


def wasm(code: Sequence[int], *, imports: bytes = b"") -> str:
    """A WebAssembly plugin, written out in the template: a function `f` with this code, and a memory."""

    def section(number: int, body: bytes) -> bytes:
        return bytes([number, len(body)]) + body

    body = bytes([0, *code, 0x0B])
    module = (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\1\x7f")
        + (section(2, imports) if imports else b"")
        + section(3, b"\1\0")
        + section(5, b"\1\0\1")
        + section(7, b"\2\1f\0" + bytes([1 if imports else 0]) + b"\6memory\2\0")
        + section(10, bytes([1, len(body)]) + body)
    )
    return f"#let p = plugin(bytes(({','.join(map(str, module))},)))\n"


ENDLESS = (0x03, 0x40, 0x0C, 0, 0x0B, 0x41, 0)
GREEDY = (0x03, 0x40, 0x41, 0xE8, 0x07, 0x40, 0, 0x1A, 0x0C, 0, 0x0B, 0x41, 0)
"""memory.grow, for ever."""
WASI = b"\1\x16wasi_snapshot_preview1\7fd_read\0\0"


async def test_a_plugin_gets_nothing_of_the_system(pool: RenderPool) -> None:
    """Typst runs WebAssembly, even from an array in the source. It offers plugins their arguments and their result, nothing
    else: a module that wants a system call is not started. So a plugin is harmless, and bounded like any template."""
    message = str(await refused(pool, a_task(wasm((0x41, 0), imports=WASI) + "x")))

    assert "wasi_snapshot_preview1" in message


@pytest.mark.slow
@pytest.mark.parametrize("code", [ENDLESS, GREEDY], ids=["endless", "greedy"])
async def test_a_plugin_is_killed_at_the_bounds(strict: RenderPool, code: Sequence[int]) -> None:
    await killed(strict, a_task(wasm(code) + "#str(p.f())"), "RENDER_TIMEOUT", "RENDER_OUT_OF_MEMORY")
