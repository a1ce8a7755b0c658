"""`python -m chaos [--seed TEXT] [--jobs N] [--seconds S] [--server valkey|redis-server ...]`: storms, one a server.

Without --seed one is made up and printed. Exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from chaos.storm import Forecast, storm
from redis_servers import binaries


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="chaos", description="Break everything around DocuGen, and look what is lost."
    )
    parser.add_argument("--seed", default="", help="any text; the same seed draws the same orders and faults")
    parser.add_argument("--jobs", type=int, default=1_500)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument(
        "--server", action="append", choices=sorted(binaries()), help="may be repeated; all at hand by default"
    )
    chosen = parser.parse_args()
    seed = chosen.seed or os.urandom(4).hex()
    kept = [
        asyncio.run(storm(Forecast(seed, chosen.jobs, chosen.seconds, server)))
        for server in chosen.server or binaries()
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
