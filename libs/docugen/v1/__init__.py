"""Generated from protos/docugen/v1 by tools/gen_protos.py; never edited."""
