"""Generated from protos/docugen/keda by tools/gen_protos.py; never edited."""
