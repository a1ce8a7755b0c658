-- list_runs: a page of records, newest first.
--
-- FLAGS    no-writes
-- KEYS     run runs
-- ARGV     before:text limit:int
-- RETURNS  {next before ('' at the end), {run, record}...}; records that expired are passed over
--
-- Why one script: one moment for a whole page. Members of the index are 'create time:run id' with equal scores, so a
-- position is a member and stays valid when its run is gone.
local answer = { '' }
local page = redis.call('ZREVRANGEBYLEX', RUNS, before == '' and '+' or '(' .. before, '-', 'LIMIT', 0, limit)
for _, member in ipairs(page) do
  local run = string.match(member, '^%d+:(.*)$')
  local found = redis.call('HGETALL', RUN .. run)
  if #found > 0 then answer[#answer + 1] = { run, found } end
end
if #page == limit then answer[1] = page[#page] end
return answer
