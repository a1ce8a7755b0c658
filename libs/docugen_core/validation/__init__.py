"""Taking a bundle request apart: everything that is wrong with it at once, or a ResolvedBundle.

`bundle` leads through the checks, `documents`, `needs`, `names` and `world` hold the rules that no schema can state,
`bundle.schema.json` those that one can.
"""

from __future__ import annotations

from docugen_core.validation.bundle import (
    ENVELOPE_DEPTH,
    BundleLimits,
    bundle_schema,
    bundle_schema_json,
    resolve_bundle,
    validate_run_id,
)

__all__ = [
    "ENVELOPE_DEPTH",
    "BundleLimits",
    "bundle_schema",
    "bundle_schema_json",
    "resolve_bundle",
    "validate_run_id",
]
