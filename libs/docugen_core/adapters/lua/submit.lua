-- submit: accept jobs, each once for ever.
--
-- FLAGS    none
-- KEYS     lanes due run events runs bell
-- ARGV     max_depth:int runs_max:int
--          jobs(run:text digest:text priority:text not_before_ms:int v:int payload:bytes about:bytes)*
-- RETURNS  {now_ms, {verdict, entry of a new run, record of a known one}...}; verdict new | same | conflict | full
--
-- Why one script: between "is it known?" and XADD another submit could add the same run; between XADD and HSET a crash
-- would leave a job without the record that recognises its repetition. It alone is refused by a full Redis: all that drains
-- may go on.
local answers, listed, stamp = { T }, {}, string.format('%015d:', T)
local later, depth = 0, unfinished()
for run, digest, priority, not_before, v, payload, about in jobs() do
  local known = redis.call('HGET', RUN .. run, 'digest')
  if known then
    answers[#answers + 1] = { known == digest and 'same' or 'conflict', redis.call('HGETALL', RUN .. run) }
  elseif depth >= max_depth then
    answers[#answers + 1] = { 'full' }
  else
    local entry, start
    if not_before > T then
      later, start = later + 1, not_before
      entry = 'later:' .. redis.call('XADD', LANE.later, '*', 'run', run, 'v', v, 'payload', payload, 'not_before', start)
    else
      start = 0
      entry = priority .. ':' .. redis.call('XADD', LANE[priority], '*', 'run', run, 'v', v, 'payload', payload)
      rings = rings + 1
    end
    -- What every step reads stands first: a small hash is searched from its beginning.
    record(run, 0, 'queued', 'attempt', 0, 'entry', entry, 'queue_ms', T, 'next_ms', start, 'digest', digest,
      'priority', priority, 'create_ms', T, 'about', about)
    listed[#listed + 1], listed[#listed + 2] = 0, stamp .. run
    depth = depth + 1
    answers[#answers + 1] = { 'new', entry }
  end
end
if later > 0 then park_later(later + 100) end  -- with room for some that a lost group left behind
if #listed > 0 then redis.call('ZADD', RUNS, unpack(listed)) end
redis.call('ZREMRANGEBYRANK', RUNS, 0, -(runs_max + 1))
return tell(answers)
