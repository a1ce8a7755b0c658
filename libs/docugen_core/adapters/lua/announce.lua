-- announce: a worker is alive, and this is what it is.
--
-- FLAGS    allow-oom
-- KEYS     workers control
-- ARGV     consumer:text advert:text
-- RETURNS  1 if the worker is to drain, else 0
--
-- Why one script: the time it was seen is that of Redis; the clocks of workers are never compared.
redis.call('HSET', WORKERS, consumer, T .. ' ' .. advert)
return redis.call('HEXISTS', CONTROL, 'drain:' .. consumer)
