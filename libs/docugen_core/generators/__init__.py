"""Makers of synthetic data: seed and parameters in, one JSON object out, the same one for ever.

A generator is trusted Python, found by the entry point group `docugen.generators`, and versioned: a change of any value it
makes, or of any word it picks from, is a new version. It reads no clock, no chance, no network, no file but its own words.
"""
