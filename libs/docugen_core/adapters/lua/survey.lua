-- survey: the lanes one by one, how many jobs ever entered them, and what is due next.
--
-- FLAGS    no-writes
-- KEYS     lanes due run
-- ARGV     upcoming:int
-- RETURNS  {entered, {{lane, undelivered, in flight, parked}...}, {{run, due ms, attempt, failure}...}}, at most `upcoming` runs,
--          soonest first; entered only grows, and counts a job again that was retried or redriven after its end
--
-- Why one script: lanes of one moment add up. Leases and parked jobs share the index, so it looks at the first LOOKED_AT due
-- times and no further: beyond that many leases it may name fewer. O(consumers + LOOKED_AT log n).
local LOOKED_AT = 500
local entered, lanes, runs = 0, {}, {}
for lane, stream in pairs(LANE) do
  local delivered, parked = 0, 0
  local summary = redis.pcall('XPENDING', stream, GROUP)
  if not summary.err then
    delivered = summary[1]
    for _, c in ipairs(summary[4] or {}) do
      if c[1] == PARKED then parked = tonumber(c[2]) end
    end
  end
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if not info.err then entered = entered + dict(info)['entries-added'] end
  lanes[#lanes + 1] = { lane, redis.call('XLEN', stream) - delivered, delivered - parked, parked }
end
local due = redis.call('ZRANGE', DUE, 0, LOOKED_AT - 1, 'WITHSCORES')
for i = 1, #due, 2 do
  if #runs >= upcoming then break end
  if owner(due[i]) == PARKED then
    local run = (fields(due[i]) or {}).run or ''
    local attempt, failure = unpack(redis.call('HMGET', RUN .. run, 'attempt', 'failure'))
    runs[#runs + 1] = { run, tonumber(due[i + 1]), tonumber(attempt or 0), failure or '' }
  end
end
return { entered, lanes, runs }
