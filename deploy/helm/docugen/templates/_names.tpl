{{- define "docugen.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "docugen.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "docugen.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "docugen.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "docugen.labels" -}}
app.kubernetes.io/name: {{ include "docugen.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (list . "scheduler") */}}
{{- define "docugen.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "docugen.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "docugen.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "docugen.fullname" .) }}
{{- end }}

{{- define "docugen.claim" -}}
{{- .Values.store.volume.existingClaim | default (printf "%s-store" (include "docugen.fullname" .)) }}
{{- end }}

{{/* Whether the pods have a volume that outlives them: the store, or, without a queue, the record of runs. */}}
{{- define "docugen.hasClaim" -}}
{{- if or (eq .Values.store.kind "volume") (not .Values.queue.enabled) }}yes{{ end }}
{{- end }}

{{- define "docugen.serverName" -}}
{{- .Values.tls.serverName | default (printf "%s-scheduler.%s.svc" (include "docugen.fullname" .) .Release.Namespace) }}
{{- end }}
