-- redrive: dead letters back into the queue, with the same id and seed, counted.
--
-- FLAGS    allow-oom
-- KEYS     lanes run events dlq runs bell
-- ARGV     redrives_max:int force:int letters(letter:text run:text)*
-- RETURNS  {answer...}, one a letter: redriven | refused | missing
--
-- Why one script: the letter leaves as the job enters; in between a crash would lose it or double it. The same call again
-- answers redriven. A letter outlives even a lost record, which is made again from it.
local answers = {}
for letter, run in letters() do
  local e = redis.call('XRANGE', DLQ, letter, letter)[1]
  local state, revision, redrove = unpack(redis.call('HMGET', RUN .. run, 'state', 'revision', 'redrove'))
  local f = e and dict(e[2])
  local redriven = f and tonumber(f.redriven) or 0
  if not f or f.run ~= run then
    answers[#answers + 1] = redrove == letter and 'redriven' or 'missing'
  elseif (state and state ~= 'failed') or (redriven >= redrives_max and force == 0) then
    answers[#answers + 1] = 'refused'
  else
    requeue(run, revision, f, 'digest', f.digest, 'about', f.about, 'priority', f.priority, 'create_ms', f.create_ms,
      'redriven', redriven + 1, 'redrove', letter)
    redis.call('ZADD', RUNS, 0, string.format('%015d:', f.create_ms) .. run)
    redis.call('XDEL', DLQ, letter)
    answers[#answers + 1] = 'redriven'
  end
end
return tell(answers)
