-- settle: how attempts ended.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run events dlq bell
-- ARGV     consumer:text engine:text keep_ms:int jobs(run:text entry:text attempt:int outcome:text delay_ms:int text:bytes
--          progress:bytes)*
-- RETURNS  {answer...}, one a job: done | parked | buried | cancelled | stale. outcome done (text: manifest digest),
--          retry (text: failure; parked for delay_ms), bury (text: failure), cancelled. A cancelled run that fails is cancelled.
--          progress: how far its documents came at last, '' to leave what the record has
--
-- Why one script: the check of the token, the end of the entry and the record are one fact. Separately, a zombie could settle
-- between check and XACK, or a crash could leave a finished job in the stream. The same call again answers the same.
local function gone(run, entry, revision, state, ...)
  forget(entry)
  record(run, revision, state, 'finish_ms', T, ...)
end

local function failed(j)
  local tries, start_ms = unpack(redis.call('HMGET', RUN .. j.run, 'tries', 'start_ms'))
  return ended(tries, j.attempt, consumer, start_ms, j.text)
end

local OUTCOME = {
  done = function(j, r)
    gone(j.run, j.entry, r[2], 'succeeded', 'manifest', j.text, 'settled', j.token .. 'done')
    redis.call('PEXPIRE', RUN .. j.run, keep_ms)
    return 'done'
  end,
  retry = function(j, r)
    park(j.entry, T + j.delay_ms, j.attempt)
    record(j.run, r[2], 'retrying', 'next_ms', T + j.delay_ms, 'failure', j.text, 'settled', j.token .. 'parked',
      failed(j))
    return 'parked'
  end,
  bury = function(j, r)
    local f = fields(j.entry) or {}
    redis.call('HSET', RUN .. j.run, failed(j))
    local letter = { 'run', j.run, 'v', f.v or '0', 'payload', f.payload or '', 'attempt', j.attempt, 'worker', consumer,
      'engine', engine, 'failure', j.text, 'time_ms', T }
    for _, name in ipairs({ 'digest', 'about', 'priority', 'create_ms', 'redriven', 'tries',
      'try0', 'try1', 'try2', 'try3', 'try4', 'try5', 'try6', 'try7', 'try8', 'try9' }) do
      letter[#letter + 1], letter[#letter + 2] = name, redis.call('HGET', RUN .. j.run, name) or ''
    end
    local id = redis.call('XADD', DLQ, '*', unpack(letter))
    gone(j.run, j.entry, r[2], 'failed', 'failure', j.text, 'letter', id, 'settled', j.token .. 'buried')
    return 'buried'
  end,
  cancelled = function(j, r)
    local revision = r[1] == 'cancelling' and r[2] or record(j.run, r[2], 'cancelling')
    cancelled(j.run, revision, j.entry, keep_ms, 'settled', j.token .. 'cancelled')
    return 'cancelled'
  end,
}

local answers = {}
for run, entry, attempt, outcome, delay_ms, text, progress in jobs() do
  local r = redis.call('HMGET', RUN .. run, 'state', 'revision', 'entry')
  local token = consumer .. ' ' .. attempt .. ' ' .. entry .. ' '
  if r[3] == entry and holds(entry, consumer, attempt) then
    if r[1] == 'cancelling' and outcome ~= 'done' then outcome = 'cancelled' end
    local j = { run = run, entry = entry, attempt = attempt, delay_ms = delay_ms, text = text, token = token }
    if progress ~= '' then redis.call('HSET', RUN .. run, 'progress', progress) end
    answers[#answers + 1] = OUTCOME[outcome](j, r)
  else
    local settled = redis.call('HGET', RUN .. run, 'settled') or ''
    local again = string.sub(settled, 1, #token) == token
    answers[#answers + 1] = again and string.sub(settled, #token + 1) or 'stale'
  end
end
return tell(answers)
