-- release: hand jobs back unspent: a worker that stops, cannot serve them, or has no slot for them.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run events bell
-- ARGV     consumer:text jobs(run:text entry:text attempt:int delay_ms:int)*
-- RETURNS  {answer...}, one a job: released | stale
--
-- Why one script: between the check of the token and the parking another worker could take the job. A repetition answers stale:
-- the job is back already.
local answers = {}
for run, entry, attempt, delay_ms in jobs() do
  if holds(entry, consumer, attempt) then
    local state, revision = unpack(redis.call('HMGET', RUN .. run, 'state', 'revision'))
    park(entry, T + delay_ms, attempt - 1)
    record(run, revision, state == 'cancelling' and state or 'queued', 'attempt', attempt - 1, 'next_ms', T + delay_ms)
    answers[#answers + 1] = 'released'
  else
    answers[#answers + 1] = 'stale'
  end
end
return tell(answers)
