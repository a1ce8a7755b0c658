-- prune: forget workers that fell silent, marks of workers long gone, and consumers that own nothing.
--
-- FLAGS    allow-oom
-- KEYS     lanes workers control
-- ARGV     silent_ms:int
-- RETURNS  {workers forgotten, consumers forgotten}
--
-- Why one script: XGROUP DELCONSUMER drops what a consumer holds, and with it the job. Between "owns nothing" and the
-- deletion a take could give it one.
local alive, workers, consumers = { [PARKED] = true }, 0, 0
for name, advert in pairs(dict(redis.call('HGETALL', WORKERS))) do
  if tonumber(string.match(advert, '^%d+')) > T - silent_ms then
    alive[name] = true
  else
    redis.call('HDEL', WORKERS, name)
    workers = workers + 1
  end
end
for mark, since in pairs(dict(redis.call('HGETALL', CONTROL))) do
  local name = string.match(mark, '^drain:(.+)$')
  if name and not alive[name] and tonumber(since) <= T - silent_ms then redis.call('HDEL', CONTROL, mark) end
end
for _, stream in pairs(LANE) do
  local known = redis.pcall('XINFO', 'CONSUMERS', stream, GROUP)
  for _, c in ipairs(known.err and {} or known) do
    local consumer = dict(c)
    if consumer.pending == 0 and not alive[consumer.name] then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer.name)
      consumers = consumers + 1
    end
  end
end
return { workers, consumers }
