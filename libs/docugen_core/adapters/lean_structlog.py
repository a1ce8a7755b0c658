"""structlog without rich: `from docugen_core.adapters.lean_structlog import structlog`, before anybody imports it plainly.

structlog imports rich wherever that is installed, to draw tracebacks with their variables. We never want those (they hold
somebody's data), and rich takes as long to import as all of `docugen_core`. It is hidden for the one moment in which
structlog looks; whoever wants rich itself (`docugen top`) imports it as ever.
"""

from __future__ import annotations

import sys

_hidden = "rich" not in sys.modules
if _hidden:
    sys.modules["rich"] = None  # type: ignore[assignment]  # documented: an import of it raises ModuleNotFoundError
try:
    import structlog
finally:
    if _hidden:
        del sys.modules["rich"]

__all__ = ["structlog"]
