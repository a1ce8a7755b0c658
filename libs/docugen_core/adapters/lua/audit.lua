-- audit: whether housekeeping is due, and whether the index needs mending.
--
-- FLAGS    allow-oom
-- KEYS     lanes due control
-- ARGV     every_ms:int horizon_ms:int
-- RETURNS  0: done within every_ms by somebody | 1: due, the index looks whole | 2: due, and every pending entry must be seen
--
-- Why one script: workers that ask at once must not all sweep. A full pass costs Redis about 10 us an entry, these counts
-- nothing. Index entries of a lost group can hide as many missing ones, but only until they are due and a take meets them.
local swept = tonumber(redis.call('HGET', CONTROL, 'swept') or 0)
if swept <= T and T - swept < every_ms then return 0 end
redis.call('HSET', CONTROL, 'swept', T)
local pending = 0
for lane, stream in pairs(LANE) do
  local summary = redis.pcall('XPENDING', stream, GROUP)
  local count = summary.err and 0 or summary[1]
  if lane == 'later' and count ~= redis.call('XLEN', stream) then return 2 end
  pending = pending + count
end
local far = redis.call('ZCOUNT', DUE, '(' .. T + horizon_ms, '+inf')
return (far > 0 or pending ~= redis.call('ZCARD', DUE)) and 2 or 1
