-- resume: end a pause.
--
-- FLAGS    allow-oom
-- KEYS     control
-- RETURNS  1 if it was paused, else 0
--
-- Why a script: a role that may only call scripts can then be allowed this and nothing else.
return redis.call('HDEL', CONTROL, 'paused')
