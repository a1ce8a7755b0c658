-- submit: accept jobs, each once for ever.
--
-- FLAGS    none
-- KEYS     lanes due run events runs
-- ARGV     max_depth:int runs_max:int
--          jobs(run:text digest:text priority:text not_before_ms:int v:int payload:bytes about:bytes)*
-- RETURNS  {now_ms, {verdict, entry of a new run, record of a known one}...}; verdict new | same | conflict | full
--
-- Why one script: between "is it known?" and XADD another submit could add the same run; between XADD and HSET a crash
-- would leave a job without the record that recognises its repetition. It alone is refused by a full Redis: all that drains
-- may go on.
local answers, later, depth = { T }, 0, unfinished()
for run, digest, priority, not_before, v, payload, about in jobs() do
  local known = redis.call('HGET', RUN .. run, 'digest')
  if known then
    answers[#answers + 1] = { known == digest and 'same' or 'conflict', redis.call('HGETALL', RUN .. run) }
  elseif depth >= max_depth then
    answers[#answers + 1] = { 'full' }
  else
    local lane, start = priority, 0
    local entry = { 'run', run, 'v', v, 'payload', payload }
    if not_before > T then
      lane, start, later = 'later', not_before, later + 1
      entry[7], entry[8] = 'not_before', not_before
    end
    local id = redis.call('XADD', LANE[lane], '*', unpack(entry))
    -- What every step reads stands first: a small hash is searched from its beginning.
    record(run, 0, 'queued', 'attempt', 0, 'entry', lane .. ':' .. id, 'queue_ms', T, 'next_ms', start, 'digest', digest,
      'priority', priority, 'create_ms', T, 'about', about)
    redis.call('ZADD', RUNS, 0, string.format('%015d:', T) .. run)
    depth = depth + 1
    answers[#answers + 1] = { 'new', lane .. ':' .. id }
  end
end
if later > 0 then park_later(later + 100) end  -- with room for some that a lost group left behind
redis.call('ZREMRANGEBYRANK', RUNS, 0, -(runs_max + 1))
return tell(answers)
