-- erase: remove the record of a run that has ended, and its dead letter; its id is then as good as new.
--
-- FLAGS    allow-oom
-- KEYS     run runs dlq
-- ARGV     run:text
-- RETURNS  erased | unfinished | unknown
--
-- Why one script: between "it has ended" and the removal a retry could start it again, and its job would run without a record
-- that recognises its repetition.
local state, created, letter = unpack(redis.call('HMGET', RUN .. run, 'state', 'create_ms', 'letter'))
if not state then return 'unknown' end
if state ~= 'succeeded' and state ~= 'failed' and state ~= 'cancelled' then return 'unfinished' end
if letter and letter ~= '' then redis.call('XDEL', DLQ, letter) end
redis.call('ZREM', RUNS, string.format('%015d:', created) .. run)
redis.call('PEXPIRE', RUN .. run, 0)  -- gone at once; the scheduler's user may not DEL
return 'erased'
