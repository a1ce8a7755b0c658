-- drop: remove dead letters for good. Their runs stay on record, as failed, until the record expires.
--
-- FLAGS    allow-oom
-- KEYS     run dlq
-- ARGV     keep_ms:int letters(letter:text)*
-- RETURNS  number of letters removed
--
-- Why one script: a record whose letter is gone but that never expires would stay for ever.
local count = 0
for letter in letters() do
  local e = redis.call('XRANGE', DLQ, letter, letter)[1]
  if e then
    redis.call('XDEL', DLQ, letter)
    let_expire(dict(e[2]).run or '', letter, keep_ms)
    count = count + 1
  end
end
return count
