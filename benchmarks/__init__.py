"""What DocuGen costs, measured: `make bench`. Nothing here asserts; docs/explanation/performance.md reads the numbers.

Every number stands beside its floor, the least that any solution must pay, taken on the same server in the same run:
machines differ and neighbours make noise, the ratio stays. One module a theme; a theme returns Measurements.
"""
