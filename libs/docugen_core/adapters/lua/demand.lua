-- demand: how many jobs need a worker now or soon.
--
-- FLAGS    no-writes
-- KEYS     lanes due
-- ARGV     soon_ms:int
-- RETURNS  {waiting, in flight, due soon}: undelivered; leased; parked and due within soon_ms. soon_ms is a lease at least
--
-- Why one script: numbers of one moment add up; between two looks a job that is taken would be counted twice, or not at all.
-- The index has leases and parked jobs together. No lease ends later than a lease from now, so every one is among what is due
-- within soon_ms, and the rest of that is parked. O(consumers + log n).
local delivered, parked = 0, 0
for _, stream in pairs(LANE) do
  local summary = redis.pcall('XPENDING', stream, GROUP)
  if not summary.err then
    delivered = delivered + summary[1]
    for _, c in ipairs(summary[4] or {}) do
      if c[1] == PARKED then parked = parked + c[2] end
    end
  end
end
local held = delivered - parked
local due = redis.call('ZCOUNT', DUE, '-inf', T + soon_ms)
return { unfinished() - delivered, held, math.max(0, math.min(due - held, parked)) }
