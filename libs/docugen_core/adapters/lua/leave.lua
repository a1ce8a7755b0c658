-- leave: a worker is gone, in good order.
--
-- FLAGS    allow-oom
-- KEYS     lanes workers control
-- ARGV     consumer:text
-- RETURNS  number of jobs it still holds; they come back when their leases lapse
--
-- Why one script: XGROUP DELCONSUMER drops what a consumer holds, and with it the job. Only one that owns nothing is forgotten.
-- The mark that it drains stays until prune: a take may still be on its way in a connection that was closed.
redis.call('HDEL', WORKERS, consumer)
redis.call('HSETNX', CONTROL, 'drain:' .. consumer, T)
local held = 0
for _, stream in pairs(LANE) do
  local mine = redis.pcall('XPENDING', stream, GROUP, '-', '+', 1000, consumer)
  if not mine.err then
    held = held + #mine
    if #mine == 0 then redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer) end
  end
end
return held
