-- progress: how far the documents of running jobs are, for whoever watches.
--
-- FLAGS    none
-- KEYS     lanes run events
-- ARGV     consumer:text jobs(run:text entry:text attempt:int progress:bytes)*
-- RETURNS  {answer...}, one a job: noted | stale
--
-- Why one script: a zombie could pass the check and then write its own progress over that of the worker that has the job now.
-- The same again changes nothing. A full Redis refuses it: it is worth a glance, and no memory that draining needs.
local answers = {}
for run, entry, attempt, progress in jobs() do
  local state, revision, known, last = unpack(redis.call('HMGET', RUN .. run, 'state', 'revision', 'entry', 'progress'))
  if known == entry and holds(entry, consumer, attempt) then
    if last ~= progress then record(run, revision, state, 'progress', progress) end
    answers[#answers + 1] = 'noted'
  else
    answers[#answers + 1] = 'stale'
  end
end
return tell(answers)
