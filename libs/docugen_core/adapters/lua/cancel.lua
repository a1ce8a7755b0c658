-- cancel: stop a run: at once while nobody has it, by a tombstone for its worker to confirm otherwise.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run events
-- ARGV     run:text reason:text keep_ms:int
-- RETURNS  cancelled | cancelling | ended | unknown
--
-- Why one script: between "nobody has it" and its removal a worker could take it, and would render a run that is already
-- cancelled. Cancelling twice is cancelling once.
local state, revision, entry = unpack(redis.call('HMGET', RUN .. run, 'state', 'revision', 'entry'))
if not state then return 'unknown' end
if state == 'cancelled' or state == 'cancelling' then return state end
if state == 'succeeded' or state == 'failed' then return 'ended' end
local who = owner(entry)
if who and who ~= PARKED then
  record(run, revision, 'cancelling', 'reason', reason)
  return tell('cancelling')
end
if state == 'running' then revision = record(run, revision, 'cancelling') end  -- its group was lost
cancelled(run, revision, entry, keep_ms, 'reason', reason)
return tell('cancelled')
