-- pause: from now on take hands out nothing; what runs is finished.
--
-- FLAGS    allow-oom
-- KEYS     control
-- ARGV     reason:text
-- RETURNS  ms at which the pause began; pausing twice keeps the first time and reason
--
-- Why one script: the time is that of Redis, like every other time on record.
redis.call('HSETNX', CONTROL, 'paused', T .. ' ' .. reason)
return tonumber(string.match(redis.call('HGET', CONTROL, 'paused'), '^%d+'))
