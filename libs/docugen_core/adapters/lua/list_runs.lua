-- list_runs: a page of records, newest first, of all tenants or one.
--
-- FLAGS    no-writes
-- KEYS     run runs
-- ARGV     before:text prefix:text separator:text limit:int scan:int
-- RETURNS  {next before ('' at the end), {run, record}...}: `limit` records at most, among the next `scan` members; passed
--          over: records that expired, and ids that are not `prefix` and a rest without `separator` ('' for any rest)
--
-- Why one script: one moment for a whole page. Members of the index are 'create time:run id' with equal scores, so a
-- position is a member and stays valid when its run is gone. An id says whose it is, so other tenants' records are not read.
local answer = { '' }
local page = redis.call('ZREVRANGEBYLEX', RUNS, before == '' and '+' or '(' .. before, '-', 'LIMIT', 0, scan)
for seen, member in ipairs(page) do
  local run = string.match(member, '^%d+:(.*)$')
  local ours = string.sub(run, 1, #prefix) == prefix
  if ours and (separator == '' or not string.find(run, separator, #prefix + 1, true)) then
    local found = redis.call('HGETALL', RUN .. run)
    if #found > 0 then answer[#answer + 1] = { run, found } end
  end
  if #answer > limit or seen == scan then
    answer[1] = member
    break
  end
end
return answer
