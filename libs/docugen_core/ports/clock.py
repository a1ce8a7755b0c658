"""What time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The only time there is, for records and timeouts. Documents never see it."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None: ...
