"""The rules of DocuGen as plain values and functions: no I/O, no clock, no chance, no asyncio.

Only the standard library is imported, and `rfc8785` (pure Python, no dependencies) for canonical JSON; see
docs/decisions/0002-canonical-json.md.
"""
