-- stats: the queue in numbers.
--
-- FLAGS    no-writes
-- KEYS     lanes due run dlq control
-- RETURNS  {now_ms, unfinished, in flight, parked, dead letters, oldest age ms, paused ('' or 'since reason')}
--
-- Why one script: numbers of one moment add up. Never the group's `lag`: it is nil after a cancel and wrong after a trim.
-- Finished entries are deleted, so XLEN is what is unfinished. O(consumers).
local held, parked, oldest = 0, 0, T
for lane, stream in pairs(LANE) do
  local summary = redis.pcall('XPENDING', stream, GROUP)
  if not summary.err then
    held = held + summary[1]
    for _, c in ipairs(summary[4] or {}) do
      if c[1] == PARKED then parked = parked + c[2] end
    end
  end
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  local cursor = not groups.err and groups[1] and groups[1][8] or '0-0'
  local first = lane ~= 'later' and redis.call('XRANGE', stream, '(' .. cursor, '+', 'COUNT', 1)[1]
  local since = first and redis.call('HGET', RUN .. (dict(first[2]).run or ''), 'queue_ms')
  oldest = math.min(oldest, tonumber(since or T))
end
local due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2]
oldest = math.min(oldest, tonumber(due or T))
local paused = redis.call('HGET', CONTROL, 'paused') or ''
return { T, unfinished(), held - parked, parked, redis.call('XLEN', DLQ), T - oldest, paused }
