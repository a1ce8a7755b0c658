-- read_events: changes of runs, in order.
--
-- FLAGS    no-writes
-- KEYS     events
-- ARGV     after:text limit:int
-- RETURNS  {oldest id that is kept, {id, {run, change, run, change...}}...}
--
-- Why one script: whether something between `after` and the first reply was trimmed can only be told in the same moment.
local first = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 1)[1]
return { first and first[1] or '', unpack(redis.call('XRANGE', EVENTS, '(' .. after, '+', 'COUNT', limit)) }
