"""A bundle file as the JSON of a CreateBundleRunRequest, for grpcurl and `buf curl`.

python examples/clients/grpcurl_request.py my-invoice.json > request.json
grpcurl -plaintext -d @ 127.0.0.1:50051 docugen.v1.BundleRunService/CreateBundleRun < request.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docugen.client.bundle_message import bundle_message
from docugen.v1.bundle_run_service_pb2 import CreateBundleRunRequest
from google.protobuf.json_format import MessageToJson

bundle = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
request = CreateBundleRunRequest(spec=bundle_message(bundle))
sys.stdout.write(MessageToJson(request, preserving_proto_field_name=True) + "\n")
