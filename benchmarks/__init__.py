"""What DocuGen costs, measured: `make bench`. Nothing here asserts; docs/explanation/performance.md reads the numbers.

Every number stands beside its floor, the least that any solution must pay, taken on the same server in the same run:
machines differ and neighbours make noise, the ratio stays. One module a theme; a theme returns Measurements.
"""

from __future__ import annotations

import os

# Before anybody imports gRPC: we start processes while it runs, none of which uses it after the fork.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
