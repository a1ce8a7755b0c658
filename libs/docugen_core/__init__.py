"""What the DocuGen services are made of: domain, rendering, use cases, ports and adapters.

Start reading at `submission.py` (a request comes in) and `generation.py` (a bundle comes out). Imports go only
downwards: adapters -> use cases -> ports, rendering -> domain; `errors` and `config` stand beside the floors.
"""

from __future__ import annotations

__version__ = "0.1.0"
