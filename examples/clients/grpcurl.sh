#!/usr/bin/env bash
# Submit a bundle, follow it, fetch its files, with grpcurl, jq and base64. For looking around and for small jobs; programs use a client.
#
#     docugen submit examples/bundles/invoice.json --print-request > request.json
#     examples/clients/grpcurl.sh request.json out/invoice
#
# The server is at DOCUGEN_GRPC_ADDRESS, or at 127.0.0.1:50051. For a server with TLS and tokens set DOCUGEN_CA_FILE and
# DOCUGEN_TOKEN_FILE. Run it twice: the second time it is the same run, and nothing is rendered.
set -euo pipefail

request=$1 folder=$2
address=${DOCUGEN_GRPC_ADDRESS:-127.0.0.1:50051}
options=(-plaintext)
if [ -n "${DOCUGEN_CA_FILE:-}" ]; then options=(-cacert "$DOCUGEN_CA_FILE"); fi
if [ -n "${DOCUGEN_TOKEN_FILE:-}" ]; then
  TOKEN=$(<"$DOCUGEN_TOKEN_FILE") && export TOKEN # expanded by grpcurl: it never stands in the list of processes
  options+=(-expand-headers -H 'authorization: Bearer ${TOKEN}')
fi

call() { # METHOD JSON [OPTION...]: one call, with a deadline; field names as in the .proto files
  grpcurl "${options[@]}" "${@:3}" -d "$2" "$address" "docugen.v1.$1"
}

# Asking again is safe: the id comes from the bundle. 72 is 64 + RESOURCE_EXHAUSTED; the trailer says how long to wait.
for _ in {1..20}; do
  code=0
  answer=$(call BundleRunService/CreateBundleRun "$(jq '.return_immediately = true' "$request")" -max-time 30 -v 2>&1) || code=$?
  [ "$code" = 72 ] || break
  delay_ms=$(sed -n 's/^grpc-retry-pushback-ms: //p' <<<"$answer")
  echo "$(sed -n 's/^ *Message: //p' <<<"$answer"); again in $delay_ms ms"
  sleep "$(jq -n "${delay_ms:-1000} / 1000")"
done
if [ "$code" != 0 ]; then echo "$answer" >&2 && exit 1; fi
created=$(sed -n '/^{/,/^}/p' <<<"$answer")
name=$(jq -r .bundle_run.name <<<"$created")
echo "run ${name#bundleRuns/} $(jq -r 'if .deduplicated then "was known" else "is new" end' <<<"$created")"

# Each message is the whole state, and the stream ends after the last one.
state=STATE_UNSPECIFIED
while read -r state done all; do
  echo "$(tr '[:upper:]' '[:lower:]' <<<"${state#STATE_}"): $done of $all documents"
done < <(call BundleRunService/WatchBundleRun "{\"name\": \"$name\"}" -max-time 3600 |
  jq --unbuffered -r '.bundle_run | "\(.state) \([.documents[] | select(.state == "STATE_RENDERED")] | length) \(.documents | length)"')
final=$(call BundleRunService/GetBundleRun "{\"name\": \"$name\"}" -max-time 30)
if [ "$(jq -r .bundle_run.state <<<"$final")" != STATE_SUCCEEDED ]; then jq -r .bundle_run.error <<<"$final" >&2 && exit 1; fi

mkdir -p "$folder"
call ArtefactService/ListArtefacts "{\"parent\": \"$name\", \"page_size\": 1000}" -max-time 30 |
  jq -r '.artefacts[] | select(.status == "STATUS_RENDERED") | "\(.sha256) \(.file_name)"' >"$folder/.digests"
while read -r sha256 file; do
  call ArtefactService/ReadArtefact "{\"name\": \"$name/artefacts/$file\"}" -max-time 600 |
    jq -r '.chunk // empty' | while read -r chunk; do base64 -d <<<"$chunk"; done >"$folder/$file"
  echo "$sha256  $folder/$file" | sha256sum --check --status || { echo "$file arrived damaged" >&2 && exit 1; }
done <"$folder/.digests"
echo "$(wc -l <"$folder/.digests") written in $folder"
rm "$folder/.digests"
