-- recover: hand back, unspent, what a consumer holds without knowing it: the reply of a take was lost.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run events control bell
-- ARGV     consumer:text limit:int last:int known(entry:text)*
-- RETURNS  number of jobs handed back, at most `limit` from each lane
--
-- Why one script: an entry listed as forgotten could lapse and be taken again before it is parked. A repetition finds nothing.
-- With `last` 1 the consumer takes nothing after this: a take may still be on its way in a connection that was closed. Its wait
-- may have used up the ring of a job that it leaves, so another worker is to look.
if last == 1 then
  redis.call('HSETNX', CONTROL, 'drain:' .. consumer, T)
  rings = rings + 1
end
local knows, count = {}, 0
for entry in known() do knows[entry] = true end
for lane, stream in pairs(LANE) do
  local mine = redis.pcall('XPENDING', stream, GROUP, '-', '+', limit, consumer)
  for _, p in ipairs(mine.err and {} or mine) do
    local entry = lane .. ':' .. p[1]
    if not knows[entry] then
      local run = (fields(entry) or {}).run or ''
      local state, revision = unpack(redis.call('HMGET', RUN .. run, 'state', 'revision'))
      park(entry, T, p[4] - 1)
      record(run, revision, state == 'cancelling' and state or 'queued', 'attempt', p[4] - 1)
      count = count + 1
    end
  end
end
return tell(count)
