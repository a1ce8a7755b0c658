-- retry: start a failed or cancelled run again, from attempt 1, with the same id and seed.
--
-- FLAGS    none
-- KEYS     lanes run events dlq bell
-- ARGV     run:text seen_revision:int max_depth:int
-- RETURNS  queued | changed | full | unknown | not_retryable | payload_gone
--
-- Why one script: the dead letter leaves as the job enters; in between a crash would lose it or double it. seen_revision is
-- the one the caller read: the same call again, or a second caller who saw the same, answers queued; whoever saw an older
-- one reads again.
local state, revision, retried, letter, payload, v, priority = unpack(redis.call('HMGET', RUN .. run,
  'state', 'revision', 'retried', 'letter', 'payload', 'v', 'priority'))
if not state then return 'unknown' end
if tonumber(retried) == seen_revision then return 'queued' end
if state ~= 'failed' and state ~= 'cancelled' then return 'not_retryable' end
if tonumber(revision) ~= seen_revision then return 'changed' end
local f = { payload = payload, v = v, priority = priority }
if state == 'failed' then
  local e = letter and redis.call('XRANGE', DLQ, letter, letter)[1]
  if not e then return 'payload_gone' end
  f = dict(e[2])
end
if unfinished() >= max_depth then return 'full' end
requeue(run, revision, f, 'retried', seen_revision)
if state == 'failed' then redis.call('XDEL', DLQ, letter) end
return tell('queued')
