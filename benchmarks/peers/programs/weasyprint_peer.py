"""WeasyPrint: HTML in, PDF out, fonts configured once.

PROGRAM warm           `ready`; for each line `FILE OUT`, `took MICROSECONDS`
PROGRAM cold FILE OUT  one document, from nothing
"""

from __future__ import annotations

import logging
import sys

from harness import now_us, say
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

FONTS = FontConfiguration()


def convert(page: str, out: str) -> None:
    HTML(filename=page).write_pdf(out, font_config=FONTS)


if __name__ == "__main__":
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)
    if sys.argv[1] == "cold":
        convert(*sys.argv[2:])
    else:
        say("ready")
        for line in sys.stdin:
            begin = now_us()
            convert(*line.split())
            say("took", f"{now_us() - begin:.0f}")
