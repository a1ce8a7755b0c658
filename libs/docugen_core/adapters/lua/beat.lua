-- beat: renew leases, and hear which are lost or cancelled.
--
-- FLAGS    allow-oom
-- KEYS     lanes due run
-- ARGV     consumer:text lease_ms:int leases(run:text entry:text attempt:int)*
-- RETURNS  {lost entries, cancelled entries}; a cancelled one is renewed too: its worker still has to confirm
--
-- Why one script: between the check of the owner and the renewal another worker could take the job, and the renewal would
-- steal it back. A repetition renews again.
local due, lost, cancelled_ones = {}, {}, {}
for run, entry, attempt in leases() do
  if holds(entry, consumer, attempt) then
    local stream, id = place(entry)
    redis.call('XCLAIM', stream, GROUP, consumer, 0, id, 'JUSTID')  -- idle := 0, count unchanged
    due[#due + 1], due[#due + 2] = T + lease_ms, entry
    if redis.call('HGET', RUN .. run, 'state') == 'cancelling' then cancelled_ones[#cancelled_ones + 1] = entry end
  else
    lost[#lost + 1] = entry
  end
end
if #due > 0 then redis.call('ZADD', DUE, unpack(due)) end
return { lost, cancelled_ones }
