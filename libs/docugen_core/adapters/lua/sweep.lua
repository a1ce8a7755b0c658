-- sweep: repair the index from the truth, one page of one lane.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run
-- ARGV     lane:text after:text limit:int lease_ms:int horizon_ms:int
-- RETURNS  {next after ('' at the end of the lane), adopted, clamped}
--
-- Why one script: an entry seen without a due time could be settled before it is given one; the index would then name a ghost.
--
-- Adopted: delivered but without a due time (a foreign XREADGROUP, a lost index). Clamped: due beyond now + horizon
-- although no start time was asked for (the clock stepped back). A parked job gets the time its record names, any other the
-- end of a new lease.
local stream, adopted, clamped, last = LANE[lane], 0, 0, ''
if lane == 'later' then adopted = park_later(limit) end
local page = redis.pcall('XPENDING', stream, GROUP, after == '' and '-' or '(' .. after, '+', limit)
if page.err then return { '', adopted, 0 } end
for _, p in ipairs(page) do
  local entry, asked = lane .. ':' .. p[1], lane == 'later' and p[4] == 0
  local due = tonumber(redis.call('ZSCORE', DUE, entry) or nil)
  local lapse = T + lease_ms
  if not due then
    local f = p[2] == PARKED and fields(entry)
    local next_ms = f and tonumber(redis.call('HGET', RUN .. f.run, 'next_ms') or 0) or 0
    if not asked then next_ms = math.min(next_ms, T + horizon_ms) end
    redis.call('ZADD', DUE, next_ms > 0 and next_ms or lapse, entry)
    adopted = adopted + 1
  elseif due > T + horizon_ms and not asked then
    redis.call('ZADD', DUE, lapse, entry)
    clamped = clamped + 1
  end
  last = p[1]
end
return { #page == limit and last or '', adopted, clamped }
