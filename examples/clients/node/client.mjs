// Submit a bundle, follow it, fetch its files, from Node 20 or newer. Nothing is generated: the .proto files are read at the start.
//
//     npm install --prefix examples/clients/node
//     node examples/clients/node/client.mjs examples/bundles/invoice.json out/invoice
//
// The server is at DOCUGEN_GRPC_ADDRESS, or at 127.0.0.1:50051. For a server with TLS and tokens set DOCUGEN_CA_FILE and
// DOCUGEN_TOKEN_FILE. Run it twice: the second time it is the same run, and nothing is rendered.

import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const PROTOS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "protos");
const ANSWER_MS = 30_000;
const STREAM_MS = 3_600_000;
const SUBMITS_MAX = 20;
const TERMINAL = ["STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED"];

const loaded = protoLoader.loadSync(
  ["docugen/v1/bundle_run_service.proto", "docugen/v1/artefact_service.proto"],
  { includeDirs: [PROTOS], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true },
);
const { BundleRunService, ArtefactService } = grpc.loadPackageDefinition(loaded).docugen.v1;

// As much of google.rpc as errors carry; it travels in the trailer grpc-status-details-bin.
const rpc = protobuf.parse(`syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }`, { keepCase: true }).root;

// The typed details of an error, by the name of their message.
function details(error) {
  const [packed] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const found = {};
  for (const { type_url, value } of packed ? rpc.lookupType("google.rpc.Status").decode(packed).details : []) {
    const name = type_url.split("/").pop();
    const type = name.startsWith("google.rpc.") ? rpc.lookup(name) : null;
    if (type) found[name.slice("google.rpc.".length)] = type.decode(value);
  }
  return found;
}

// Objects travel as JSON texts: protobuf's own JSON type would turn every number into a double.
function specOf(bundle) {
  const { schema, data = {}, generate, documents, ...rest } = bundle;
  const spec = { ...rest, data_json: JSON.stringify(data) };
  if (generate) spec.generate = { name: generate.name, params_json: JSON.stringify(generate.params ?? {}) };
  spec.documents = documents.map(({ data: own, ...document }) =>
    own ? { ...document, data_json: JSON.stringify(own) } : document);
  return spec;
}

function server() {
  const address = process.env.DOCUGEN_GRPC_ADDRESS ?? "127.0.0.1:50051";
  const { DOCUGEN_CA_FILE: ca, DOCUGEN_TOKEN_FILE: tokenFile } = process.env;
  const credentials = ca ? grpc.credentials.createSsl(readFileSync(ca)) : grpc.credentials.createInsecure();
  const metadata = new grpc.Metadata();
  if (tokenFile) metadata.set("authorization", `Bearer ${readFileSync(tokenFile, "utf8").trim()}`);
  const options = {
    "grpc.enable_http_proxy": 0,
    "grpc.service_config": JSON.stringify({ methodConfig: [{
      name: [{}],
      retryPolicy: { maxAttempts: 4, initialBackoff: "0.1s", maxBackoff: "2s", backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"] },
    }] }),
  };
  return {
    runs: new BundleRunService(address, credentials, options),
    artefacts: new ArtefactService(address, credentials, options),
    metadata,
  };
}

// One answer, with a deadline: gRPC has none by default.
function call(stub, method, request, metadata) {
  return new Promise((resolve, reject) => {
    stub[method](request, metadata, { deadline: Date.now() + ANSWER_MS },
      (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// Asking again is safe: the id comes from the bundle, so there is never a second run.
async function submit({ runs, metadata }, spec) {
  for (let n = 0; n < SUBMITS_MAX; n += 1) {
    try {
      return await call(runs, "CreateBundleRun", { spec, return_immediately: true }, metadata);
    } catch (error) {
      const { ErrorInfo: info, RetryInfo: retry } = details(error);
      if (error.code !== grpc.status.RESOURCE_EXHAUSTED || !retry) throw error;
      const delay = Number(retry.retry_delay.seconds) * 1_000 + retry.retry_delay.nanos / 1e6;
      console.log(`${info.reason}; again in ${delay / 1_000} s`);
      await sleep(delay);
    }
  }
  throw new Error("the server had no room; try again later");
}

// Every state until the last one. Each message is the whole state, so a broken stream is simply opened again.
async function follow({ runs, metadata }, run) {
  for (let broken = 0; !TERMINAL.includes(run.state); ) {
    try {
      for await (const { bundle_run } of runs.WatchBundleRun({ name: run.name }, metadata, { deadline: Date.now() + STREAM_MS })) {
        run = bundle_run;
        broken = 0;
        const done = run.documents.filter((document) => document.state === "STATE_RENDERED").length;
        console.log(`${run.state.slice("STATE_".length).toLowerCase()}: ${done} of ${run.documents.length} documents`);
      }
    } catch (error) {
      const passing = [grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED].includes(error.code);
      if (!passing || ++broken > 10) throw error;
      await sleep(Math.min(100 * 2 ** broken, 5_000));
    }
  }
  return run;
}

// The file gets its name once its bytes are those of the manifest.
async function download({ artefacts, metadata }, artefact, folder) {
  const chunks = [];
  for await (const message of artefacts.ReadArtefact({ name: artefact.name }, metadata, { deadline: Date.now() + STREAM_MS })) {
    if (message.content === "chunk") chunks.push(message.chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (createHash("sha256").update(bytes).digest("hex") !== artefact.sha256) throw new Error(`${artefact.name} arrived damaged`);
  const file = join(folder, basename(artefact.file_name));
  await writeFile(`${file}.part`, bytes);
  await rename(`${file}.part`, file);
}

async function main(path, folder) {
  const at = server();
  const created = await submit(at, specOf(JSON.parse(await readFile(path, "utf8"))));
  console.log(`run ${created.bundle_run.bundle_run_id} ${created.deduplicated ? "was known" : "is new"}`);
  const run = await follow(at, created.bundle_run);
  if (run.state !== "STATE_SUCCEEDED") throw new Error(`${run.error.reason}: ${run.error.message}\n${run.error.hint}`);
  await mkdir(folder, { recursive: true });
  const { artefacts } = await call(at.artefacts, "ListArtefacts", { parent: run.name, page_size: 1000 }, at.metadata);
  const rendered = artefacts.filter((artefact) => artefact.status === "STATUS_RENDERED");
  for (const artefact of rendered) await download(at, artefact, folder);
  console.log(`${rendered.length} written in ${folder}`);
  at.runs.close();
  at.artefacts.close();
}

main(...process.argv.slice(2, 4)).catch((error) => {
  const { ErrorInfo: info, BadRequest: wrong } = details(error);
  console.error(`${info ? info.reason : error.code ?? "error"}: ${error.details ?? error.message}`);
  for (const { field, description } of wrong?.field_violations ?? []) console.error(`${field}: ${description}`);
  process.exitCode = 1;
});
