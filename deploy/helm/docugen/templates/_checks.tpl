{{/* What no schema can say: refused here, before anything is changed. */}}
{{- define "docugen.checks" -}}
{{- $v := .Values }}
{{- if and (not $v.queue.enabled) (gt (int $v.scheduler.replicas) 1) }}
{{- fail "scheduler.replicas: without a queue there is one scheduler. It renders by itself and keeps the record of its runs in one file; a second one on the same store is refused at its start. Set queue.enabled for more." }}
{{- end }}
{{- if and (not $v.queue.enabled) (ne $v.worker.autoscaling.kind "none") }}
{{- fail "worker.autoscaling.kind: without a queue there are no workers. Set queue.enabled, or take it out." }}
{{- end }}
{{- if $v.queue.enabled }}
{{- if not (and $v.queue.redis.schedulerSecret.name $v.queue.redis.workerSecret.name) }}
{{- fail "queue.redis.schedulerSecret.name, queue.redis.workerSecret.name: name the secrets that hold each service's URL of Redis." }}
{{- end }}
{{- if and (eq $v.store.kind "volume") (not $v.store.volume.existingClaim) (not (has "ReadWriteMany" $v.store.volume.accessModes)) }}
{{- fail "store.volume.accessModes: with a queue scheduler and workers write into one store from any node. Make it ReadWriteMany, or store.kind bucket." }}
{{- end }}
{{- end }}
{{- if and (eq $v.store.kind "bucket") (not $v.store.bucket.url) }}
{{- fail "store.bucket.url: name the bucket, for instance s3://documents/docugen." }}
{{- end }}
{{- if and $v.tls.clientCa (not $v.tls.secret) }}
{{- fail "tls.clientCa: callers can only show certificates where tls.secret is set." }}
{{- end }}
{{- if and $v.tls.clientCa (not $v.tls.probeSecret) }}
{{- fail "tls.probeSecret: with mutual TLS probes need a certificate too; name a secret with tls.crt and tls.key." }}
{{- end }}
{{- if and $v.tls.secret (eq $v.worker.autoscaling.kind "keda") (not $v.worker.autoscaling.keda.clientSecret) }}
{{- fail "worker.autoscaling.keda.clientSecret: KEDA has to know the CA of the scheduler's certificate; name a secret with ca.crt." }}
{{- end }}
{{- if gt (int $v.worker.autoscaling.minReplicas) (int $v.worker.autoscaling.maxReplicas) }}
{{- fail "worker.autoscaling: minReplicas is more than maxReplicas." }}
{{- end }}
{{- if and (eq $v.worker.autoscaling.kind "cpu") (lt (int $v.worker.autoscaling.minReplicas) 1) }}
{{- fail "worker.autoscaling.minReplicas: an autoscaler by CPU cannot come back from no worker at all; keda can." }}
{{- end }}
{{- $_ := include "docugen.termination" (list "scheduler" $v.scheduler) }}
{{- $_ := include "docugen.termination" (list "worker" $v.worker) }}
{{- end }}

{{/* Seconds from SIGTERM, or the preStop hook, to SIGKILL: (list "worker" .Values.worker). */}}
{{- define "docugen.termination" -}}
{{- $name := index . 0 }}
{{- $of := index . 1 }}
{{- $needs := add (div (add (int64 $of.graceMs) 999) 1000) (int64 ($of.preStopSeconds | default 0)) }}
{{- $given := int64 $of.terminationGracePeriodSeconds }}
{{- if eq $given 0 }}
{{- add $needs 10 }}
{{- else if lt $given (add $needs 5) }}
{{- fail (printf "%s.terminationGracePeriodSeconds: %d s is too short. graceMs and preStopSeconds take %d s, and 5 s must be left for handing back what is not finished; 0 works it out." $name $given $needs) }}
{{- else }}
{{- $given }}
{{- end }}
{{- end }}
