"""ZIP archives of a bundle's other documents, byte-identical on every machine.

Members are stored, not deflated: PDF and XLSX are compressed already (deflate saves about 9 %), and a stored archive does not
depend on the zlib of the machine. Sorted by name, dated 1980-01-01 (the format's first day), mode 0644, made by "Unix".
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
UNIX = 3
REGULAR_0644 = 0o100644 << 16


def pack_archive(members: Mapping[str, bytes]) -> bytes:
    """A ZIP of `members` (name -> content). Their order in the mapping means nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = UNIX
            entry.external_attr = REGULAR_0644
            archive.writestr(entry, members[name])
    return buffer.getvalue()
