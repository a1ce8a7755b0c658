"""How long to try again, and how often: 0.1 s, 0.2 s, 0.4 s ... 5 s between tries, until `limit` seconds brought no answer.

Every answer starts the count anew. No jitter: the server staggers a crowd by the delays it names in RetryInfo.
"""

from __future__ import annotations

import asyncio

from docugen.client.errors import DocugenClientError

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0


class Patience:
    """The patience of one call that may be interrupted. Make it inside the running loop."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._clock = asyncio.get_running_loop().time
        self._delay = FIRST_DELAY_S
        self._since: float | None = None

    def answered(self) -> None:
        """Something came: all is well again."""
        self._since, self._delay = None, FIRST_DELAY_S

    async def after(self, error: DocugenClientError) -> None:
        """Wait before the next try, or raise `error` when there was no answer for too long."""
        now = self._clock()
        if self._since is None:
            self._since = now
        delay = max(self._delay, error.retry_after or 0.0)
        if now + delay - self._since > self._limit:
            raise error
        self._delay = min(2 * self._delay, LAST_DELAY_S)
        await asyncio.sleep(delay)
