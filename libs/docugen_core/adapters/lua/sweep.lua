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

-- A start time that was asked for may lie as far ahead as it likes.
local function asked(entry, due)
  return lane == 'later' and tonumber((fields(entry) or {}).not_before) == due
end

if lane == 'later' then adopted = park_later(limit) end
local page = redis.pcall('XPENDING', stream, GROUP, after == '' and '-' or '(' .. after, '+', limit)
if page.err then return { '', adopted, 0 } end
for _, p in ipairs(page) do
  local entry, who = lane .. ':' .. p[1], p[2]
  local score = redis.call('ZSCORE', DUE, entry)
  local due = tonumber(score or 0)
  if not score then
    local f = who == PARKED and fields(entry)
    due = f and tonumber(redis.call('HGET', RUN .. f.run, 'next_ms') or 0) or 0
    redis.call('ZADD', DUE, due > 0 and due or T + lease_ms, entry)
    adopted = adopted + 1
  end
  if due > T + horizon_ms and not asked(entry, due) then
    redis.call('ZADD', DUE, T + lease_ms, entry)
    clamped = clamped + 1
  end
  last = p[1]
end
return { #page == limit and last or '', adopted, clamped }
