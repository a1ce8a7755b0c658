-- get_runs: records of runs.
--
-- FLAGS    no-writes
-- KEYS     run
-- ARGV     runs(run:text)*
-- RETURNS  {record...}, one a run, empty for one that is not known
--
-- Why one script: one round trip and one moment for all.
local answer = {}
for run in runs() do answer[#answer + 1] = redis.call('HGETALL', RUN .. run) end
return answer
