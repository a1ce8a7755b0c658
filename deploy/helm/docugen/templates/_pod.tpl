{{/* What both pods have in common: (list . "scheduler") or (list . "worker"). */}}

{{- define "docugen.env" -}}
{{- $root := index . 0 }}
{{- $who := index . 1 }}
{{- $v := $root.Values }}
{{- $of := index $v $who }}
{{- $env := dict
  "DOCUGEN_QUEUE_ENABLED" $v.queue.enabled
  "DOCUGEN_GRACE_MS" $of.graceMs
  "DOCUGEN_INSECURE" true
  "DOCUGEN_LOG_FORMAT" "json"
  "DOCUGEN_RENDER_PROCESSES" $of.slots
  "DOCUGEN_STATE_DIR" "/var/lib/docugen/state"
  "DOCUGEN_STORE_URL" (eq $v.store.kind "bucket" | ternary $v.store.bucket.url "file:///var/lib/docugen/store")
}}
{{- if eq $who "scheduler" }}
{{- $env = merge $env (dict "DOCUGEN_GRPC_ADDRESS" "0.0.0.0:50051" "DOCUGEN_METRICS_ADDRESS" "0.0.0.0:9464" "DOCUGEN_INLINE_CONCURRENCY" $of.slots) }}
{{- else }}
{{- $env = merge $env (dict "DOCUGEN_WORKER_GRPC_ADDRESS" "0.0.0.0:50052" "DOCUGEN_WORKER_METRICS_ADDRESS" "0.0.0.0:9465" "DOCUGEN_QUEUE_CONCURRENCY" $of.slots) }}
{{- end }}
{{- if $v.queue.enabled }}
{{- $env = merge $env (dict "DOCUGEN_REDIS_URL_FILE" "/run/docugen/redis/url") }}
{{- if $v.queue.redis.caSecret.name }}
{{- $env = merge $env (dict "DOCUGEN_REDIS_CA" "/run/docugen/redis-ca/ca.crt") }}
{{- end }}
{{- end }}
{{- if $v.signing.keySecret.name }}
{{- $env = merge $env (dict "DOCUGEN_SIGNING_KEY_FILE" "/run/docugen/signing/key.pem") }}
{{- end }}
{{- if eq $who "scheduler" }}
{{- if $v.auth.tokensSecret.name }}
{{- $env = merge $env (dict "DOCUGEN_AUTH_TOKENS_FILE" "/run/docugen/auth/tokens.toml") }}
{{- end }}
{{- if $v.tls.secret }}
{{- /* The last two are for the probe, which is a caller. */}}
{{- $env = merge $env (dict "DOCUGEN_TLS_CERT" "/run/docugen/tls/tls.crt" "DOCUGEN_TLS_KEY" "/run/docugen/tls/tls.key"
  "DOCUGEN_CA_FILE" "/run/docugen/tls/ca.crt" "DOCUGEN_SERVER_NAME" (include "docugen.serverName" $root)) }}
{{- if $v.tls.clientCa }}
{{- $env = merge $env (dict "DOCUGEN_TLS_CLIENT_CA" "/run/docugen/tls/ca.crt"
  "DOCUGEN_CLIENT_CERT" "/run/docugen/probe/tls.crt" "DOCUGEN_CLIENT_KEY" "/run/docugen/probe/tls.key") }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := merge $env $v.settings }}
- name: {{ $name }}
  value: {{ kindIs "float64" $value | ternary (int64 $value) $value | toString | quote }}
{{- end }}
{{- if $v.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ $v.tracing.endpoint | quote }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, folder below /run/docugen, secret and items of each secret that is mounted. */}}
{{- define "docugen.secrets" -}}
{{- $v := (index . 0).Values }}
{{- $who := index . 1 }}
{{- if $v.queue.enabled }}
{{- $redis := index $v.queue.redis (printf "%sSecret" $who) }}
- {name: redis, secret: {{ $redis.name | quote }}, items: [{key: {{ $redis.key | quote }}, path: url}]}
{{- with $v.queue.redis.caSecret }}{{ if .name }}
- {name: redis-ca, secret: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- end }}{{ end }}
{{- end }}
{{- with $v.signing.keySecret }}{{ if .name }}
- {name: signing, secret: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: key.pem}]}
{{- end }}{{ end }}
{{- if eq $who "scheduler" }}
{{- with $v.auth.tokensSecret }}{{ if .name }}
- {name: auth, secret: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: tokens.toml}]}
{{- end }}{{ end }}
{{- if $v.tls.secret }}
- {name: tls, secret: {{ $v.tls.secret | quote }}, items: []}
{{- if $v.tls.clientCa }}
- {name: probe, secret: {{ $v.tls.probeSecret | quote }}, items: []}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "docugen.mounts" -}}
{{- $root := index . 0 -}}
- {name: data, mountPath: /var/lib/docugen}
- {name: tmp, mountPath: /tmp}
{{- range include "docugen.secrets" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /run/docugen/{{ .name }}, readOnly: true}
{{- end }}
{{- with $root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "docugen.volumes" -}}
{{- $root := index . 0 -}}
- name: data
{{- if include "docugen.hasClaim" $root }}
  persistentVolumeClaim: {claimName: {{ include "docugen.claim" $root }}}
{{- else }}
  emptyDir: {sizeLimit: 1Gi}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- range include "docugen.secrets" . | fromYamlArray }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    {{- /* The pod's group reads it and nobody else: DocuGen refuses a key that others may read. */}}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of the pod. */}}
{{- define "docugen.podSettings" -}}
{{- $root := index . 0 }}
{{- $who := index . 1 }}
{{- $of := index $root.Values $who -}}
serviceAccountName: {{ include "docugen.serviceAccount" $root }}
automountServiceAccountToken: false
{{- /* On, Kubernetes would set DOCUGEN_..._PORT for every service of the namespace that is named docugen..., and DocuGen
refuses to start with settings that it does not know. */}}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "docugen.termination" (list $who $of) }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $of $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of the container. */}}
{{- define "docugen.containerSettings" -}}
{{- $root := index . 0 }}
{{- $who := index . 1 }}
{{- $v := $root.Values -}}
name: {{ $who }}
image: {{ printf "%s:%s" (index $v.image $who) ($v.image.tag | default $root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  {{- include "docugen.env" . | trim | nindent 2 }}
{{- if and (eq $v.store.kind "bucket") $v.store.bucket.credentialsSecret }}
envFrom:
  - secretRef: {name: {{ $v.store.bucket.credentialsSecret }}}
{{- end }}
resources:
  {{- toYaml (index $v $who).resources | nindent 2 }}
volumeMounts:
  {{- include "docugen.mounts" . | trim | nindent 2 }}
{{- end }}

{{/* (list . "scheduler" 50051 "liveness"). kubelet speaks no TLS to a gRPC port, so with TLS the probe runs in the pod. */}}
{{- define "docugen.probe" -}}
{{- $v := (index . 0).Values }}
{{- if and (eq (index . 1) "scheduler") $v.tls.secret -}}
exec: {command: [python, -m, docugen_scheduler.probe, "127.0.0.1:{{ index . 2 }}", {{ index . 3 }}]}
{{- else -}}
grpc: {port: {{ index . 2 }}, service: {{ index . 3 }}}
{{- end }}
{{- end }}

{{- define "docugen.probes" -}}
startupProbe:
  {{- include "docugen.probe" (append . "liveness") | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
# Without Redis a service is not ready, but well, and finds it again by itself.
livenessProbe:
  {{- include "docugen.probe" (append . "liveness") | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  {{- include "docugen.probe" (append . "readiness") | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}
