"""Pure renderers: (template, data, world) -> bytes. No clock, no network, no file outside the pack, no chance.

They run in render processes (`adapters/render_pool.py`), never in a service's own process: only a process can be killed.
"""
