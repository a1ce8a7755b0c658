-- take: hand out work to one consumer: what is due first, then the lanes 16 : 4 : 1.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run events control bell
-- ARGV     consumer:text want:int lease_ms:int lost:text fresh:int
-- RETURNS  {hold, wait_ms, now_ms, {entry, attempt, cancelling, run, v, payload, waited_ms, lapsed, last_worker,
--          last_start_ms}...}; hold '' | paused | draining; wait_ms until the next due time, -1 for none, 0 where more may be
--          there; waited_ms since it was queued, or a retry or start time was due; lapsed 1 when the lease of an attempt that
--          was running did; last_* of the attempt before, '' and 0 for none
--
-- Why one script: an entry that is delivered without a due time has no lease and nobody would ever miss it. It also reads
-- nothing into the pending list that the reply does not carry, so one lost reply is one call of recover.
-- With `fresh` 1, behind a wait, it leaves alone what is due: a worker that froze would be given its own lapsed job. The wait may
-- have used up a ring, so a worker that drains rings for another one.

-- By a command that the scheduler's user may not give, and before anything is written: take is not for schedulers.
local function next_due() return redis.call('ZRANGEBYSCORE', DUE, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] end
local due = next_due()
local paused, draining, turn = unpack(redis.call('HMGET', CONTROL, 'paused', 'drain:' .. consumer, 'turn'))
if draining and fresh == 1 then ring(1) end
if paused or draining then return { paused and 'paused' or 'draining', -1, T } end
local jobs, leases = {}, {}

local function deliver(entry, field, count)
  local run, stream, id = field.run or '', place(entry)
  local r = redis.call('HMGET', RUN .. run, 'state', 'revision', 'attempt', 'entry', 'queue_ms', 'next_ms')
  -- Killed in the middle of writing a submit, Redis 7.0 forgets it, and may bring its entries back at the start after the
  -- next: by then the caller has asked again, and the record names another entry.
  if r[4] and r[4] ~= entry then return forget(entry) end
  local state, revision, attempt = r[1], r[2], math.max(count, (tonumber(r[3]) or 0) + 1)
  if attempt > count then  -- a remade group counts from 1 again; an old token must never fit
    redis.call('XCLAIM', stream, GROUP, consumer, 0, id, 'RETRYCOUNT', attempt, 'JUSTID')
  end
  local worker, start_ms  -- of the attempt before; a run that was only submitted had none
  if state ~= 'queued' or revision ~= '1' then
    worker, start_ms = unpack(redis.call('HMGET', RUN .. run, 'worker', 'start_ms'))
  end
  local lapsed = state == 'running'
  if lapsed then
    local tries = redis.call('HGET', RUN .. run, 'tries')
    revision = record(run, revision, 'retrying', 'failure', lost, ended(tries, r[3], worker, start_ms, lost))
  end
  if attempt > 1 or not state or tonumber(r[6]) ~= 0 then  -- not its first start: clear what the last one left
    redis.call('HSET', RUN .. run, 'entry', entry, 'next_ms', 0, 'failure', '', 'progress', '')
  end
  record(run, revision, state == 'cancelling' and state or 'running', 'attempt', attempt, 'worker', consumer, 'start_ms', T)
  leases[#leases + 1], leases[#leases + 2] = T + lease_ms, entry
  jobs[#jobs + 1] = { entry, attempt, state == 'cancelling' and 1 or 0, run, field.v or '0', field.payload or '',
    math.max(0, T - math.max(tonumber(r[5] or T), tonumber(r[6] or 0))), lapsed and 1 or 0,
    tonumber(start_ms or 0) > 0 and worker or '', start_ms or 0 }
end

local late = fresh ~= 1 and due and tonumber(due) <= T
if late then
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', T, 'LIMIT', 0, want)) do
    local stream, id = place(entry)
    local who, count = owner(entry)
    local e = who and redis.call('XCLAIM', stream, GROUP, consumer, 0, id)[1]
    if e then deliver(entry, dict(e[2]), count + 1) else redis.call('ZREM', DUE, entry) end
  end
end

-- A lane that has nothing costs no more than XLEN.
local ORDER, TURNS = { 'high', 'normal', 'low' }, 'hhhhnhhhhnhhhhnhhhhnl'
local before, dry, filled = #jobs, {}, #ORDER
for _, lane in ipairs(ORDER) do
  if redis.call('XLEN', LANE[lane]) == 0 then dry[lane], filled = true, filled - 1 end
end
local function take_new(lane, count)
  if dry[lane] or count < 1 then return end  -- to XREADGROUP, COUNT 0 is everything
  local entries = read_new(LANE[lane], consumer, count)
  for _, e in ipairs(entries) do deliver(lane .. ':' .. e[1], dict(e[2]), 1) end
  dry[lane] = #entries < count
end
if filled > 1 then
  local share = { h = 0, n = 0, l = 0 }
  for i = 1, want - before do
    local at = ((turn or 0) + i - 1) % #TURNS + 1
    local lane = string.sub(TURNS, at, at)
    share[lane] = share[lane] + 1
  end
  for _, lane in ipairs(ORDER) do take_new(lane, share[string.sub(lane, 1, 1)]) end
end
for _, lane in ipairs(ORDER) do take_new(lane, want - #jobs) end
if filled > 1 and #jobs > before then
  redis.call('HSET', CONTROL, 'turn', ((turn or 0) + #jobs - before) % #TURNS)
end
if #leases > 0 then redis.call('ZADD', DUE, unpack(leases)) end
if late or #leases > 0 then due = next_due() end
local wait_ms = due and math.max(0, due - T) or -1
if not (dry.high and dry.normal and dry.low) then wait_ms = 0 end
-- Nothing is left, nor comes before anybody looks again: no ring means anything any more.
if wait_ms < 0 or wait_ms >= LOOK_MS then redis.call('LTRIM', BELL, 1, 0) end
return tell({ '', wait_ms, T, unpack(jobs) })
