-- drain: one worker takes nothing new from now on; it hears so from its next take and its next announce.
--
-- FLAGS    allow-oom
-- KEYS     control workers
-- ARGV     consumer:text
-- RETURNS  1, or 0 for a worker that is not known
--
-- Why one script: nobody is told 1 of a worker that left in between.
if redis.call('HEXISTS', WORKERS, consumer) == 0 then return 0 end
redis.call('HSETNX', CONTROL, 'drain:' .. consumer, T)
return 1
