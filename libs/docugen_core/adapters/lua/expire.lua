-- expire: drop dead letters that were kept long enough, and index entries of records that are gone.
--
-- FLAGS    allow-oom
-- KEYS     run dlq runs control
-- ARGV     letters_keep_ms:int keep_ms:int limit:int
-- RETURNS  {1 at the end of the index, else 0; letters dropped; index entries removed}
--
-- Why one script: a record found missing could be made again by a submit before its index entry is removed. Each call sees
-- `limit` entries of the index after those of the last call, whoever made it.
local dropped, removed, last = 0, 0, ''
local after = redis.call('HGET', CONTROL, 'expired') or ''
for _, e in ipairs(redis.call('XRANGE', DLQ, '-', '+', 'COUNT', limit)) do
  local letter = dict(e[2])
  if (tonumber(letter.time_ms) or 0) > T - letters_keep_ms then break end
  redis.call('XDEL', DLQ, e[1])
  let_expire(letter.run or '', e[1], keep_ms)
  dropped = dropped + 1
end
local page = redis.call('ZRANGEBYLEX', RUNS, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
for _, member in ipairs(page) do
  if redis.call('EXISTS', RUN .. string.match(member, '^%d+:(.*)$')) == 0 then
    removed = removed + redis.call('ZREM', RUNS, member)
  end
  last = member
end
if #page < limit then last = '' end
redis.call('HSET', CONTROL, 'expired', last)
return { last == '' and 1 or 0, dropped, removed }
