-- expire: drop dead letters that were kept long enough, and index entries of records that are gone.
--
-- FLAGS    allow-oom
-- KEYS     run dlq runs
-- ARGV     letters_keep_ms:int keep_ms:int after:text limit:int
-- RETURNS  {next after ('' at the end of the index), letters dropped, index entries removed}
--
-- Why one script: a record found missing could be made again by a submit before its index entry is removed.
local dropped, removed, last = 0, 0, ''
for _, e in ipairs(redis.call('XRANGE', DLQ, '-', '+', 'COUNT', limit)) do
  local letter = dict(e[2])
  if (tonumber(letter.time_ms) or 0) > T - letters_keep_ms then break end
  redis.call('XDEL', DLQ, e[1])
  redis.call('PEXPIRE', RUN .. (letter.run or ''), keep_ms)
  dropped = dropped + 1
end
local page = redis.call('ZRANGEBYLEX', RUNS, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
for _, member in ipairs(page) do
  if redis.call('EXISTS', RUN .. string.match(member, '^%d+:(.*)$')) == 0 then
    removed = removed + redis.call('ZREM', RUNS, member)
  end
  last = member
end
return { #page == limit and last or '', dropped, removed }
