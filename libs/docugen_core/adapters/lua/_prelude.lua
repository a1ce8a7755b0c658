-- The prelude: what every script shares. scripts.py puts it between the names it binds from a script's header (LANE, DUE, RUN,
-- EVENTS ... and the ARGV) and the script's own lines. now() comes from there too: Redis TIME, the one clock of the queue.
--
-- An *entry* is 'lane:stream id', for instance 'high:1767225600000-0'. Stream and pending list are the truth, DUE is an
-- index of it, the run's hash is the record. A lease is the pair (consumer, delivery count), and Redis keeps both in the
-- pending list.
local GROUP, PARKED = 'workers', '~retry'
local TRIES_KEPT, EVENTS_KEPT = 10, 10000
local LOOK_MS, RINGS_KEPT = 2000, 1000
local T = now()

local function place(entry)
  local lane, id = string.match(entry, '^(%a+):(.+)$')
  return LANE[lane], id
end

local function dict(list)
  local d = {}
  for i = 1, #list, 2 do d[list[i]] = list[i + 1] end
  return d
end

local function fields(entry)
  local stream, id = place(entry)
  local e = redis.call('XRANGE', stream, id, id)[1]
  return e and dict(e[2])
end

-- Consumer and delivery count of a delivered entry; nothing for one that nobody has, or whose group is lost.
local function owner(entry)
  local stream, id = place(entry)
  local p = redis.pcall('XPENDING', stream, GROUP, id, id, 1)[1]
  if p then return p[2], p[4] end
end

local function holds(entry, consumer, attempt)
  local who, count = owner(entry)
  return who == consumer and count == attempt
end

local function unfinished()
  local n = 0
  for _, stream in pairs(LANE) do n = n + redis.call('XLEN', stream) end
  return n
end

-- New entries of a stream into a consumer's hands. A lost group (FLUSHALL, failover to an empty node) is remade from 0:
-- finished entries are deleted, so whatever is in the stream still has to be done.
local function read_new(stream, consumer, count)
  local read = { 'XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', stream, '>' }
  local got = redis.pcall(unpack(read))
  if got and got.err then
    if not string.find(got.err, 'NOGROUP', 1, true) then error(got) end
    redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    got = redis.call(unpack(read))
  end
  return got and got[1][2] or {}
end

-- A worker that found nothing waits at BELL, a list: tell() puts one ring a job into it, and each wakes one worker. Rings that
-- nobody waits for stay until a take leaves nothing, so none is missed between looking and waiting. While one is there, nobody
-- waits: beyond RINGS_KEPT they may go.
local rings = 0

local function ring(times)
  local all = {}
  for i = 1, times do all[i] = '' end
  if redis.call('RPUSH', BELL, unpack(all)) > RINGS_KEPT then redis.call('LTRIM', BELL, 0, RINGS_KEPT - 1) end
end

-- Parked entries belong to a consumer that does not exist, so XPENDING tells a waiting job from a running one. Whoever waits
-- asks again for the next due time every LOOK_MS: what is due later than that needs no ring.
local function park(entry, due_ms, deliveries)
  local stream, id = place(entry)
  redis.call('XCLAIM', stream, GROUP, PARKED, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
  redis.call('ZADD', DUE, due_ms, entry)
  if tonumber(due_ms) < T + LOOK_MS then rings = rings + 1 end
end

-- Jobs with a start time wait in a lane of their own, each read at once into the parked consumer's hands.
local function park_later(count)
  local entries = read_new(LANE.later, PARKED, count)
  for _, e in ipairs(entries) do park('later:' .. e[1], dict(e[2]).not_before, 0) end
  return #entries
end

-- Ended entries leave stream, pending list and index together, when tell() ends the step: three commands for a whole batch.
local ended_ids, ended_entries = {}, {}

local function forget(entry)
  local stream, id = place(entry)
  local ids = ended_ids[stream] or {}
  ended_ids[stream] = ids
  ids[#ids + 1] = id
  ended_entries[#ended_entries + 1] = entry
end

-- Every change of a run goes through here: one revision more, and one pair in the event that tell() adds at the end.
local changes = {}

local function record(run, revision, state, ...)
  revision = (tonumber(revision) or 0) + 1
  redis.call('HSET', RUN .. run, 'state', state, 'revision', revision, ...)
  changes[#changes + 1] = run
  changes[#changes + 1] = revision .. ' ' .. state
  return revision
end

local function tell(reply)
  for stream, ids in pairs(ended_ids) do
    redis.call('XACK', stream, GROUP, unpack(ids))
    redis.call('XDEL', stream, unpack(ids))
  end
  if #ended_entries > 0 then redis.call('ZREM', DUE, unpack(ended_entries)) end
  if #changes > 0 then redis.call('XADD', EVENTS, 'MAXLEN', '~', EVENTS_KEPT, '*', unpack(changes)) end
  if rings > 0 then ring(rings) end
  return reply
end

-- Fields that note a failed attempt in the run's ring of the last ten.
local function ended(tries, attempt, worker, start_ms, failure)
  tries = (tonumber(tries) or 0) + 1
  local note = cjson.encode({ attempt, worker or '', start_ms or 0, T, failure })
  return 'try' .. tries % TRIES_KEPT, note, 'tries', tries
end

-- The end of a cancelled run. Its payload moves into the record, which expires: until then it can be started again.
local function cancelled(run, revision, entry, keep_ms, ...)
  local f = fields(entry) or {}
  forget(entry)
  record(run, revision, 'cancelled', 'finish_ms', T, 'next_ms', 0, 'failure', '', 'payload', f.payload or '',
    'v', f.v or '0', ...)
  redis.call('PEXPIRE', RUN .. run, keep_ms)
end

-- A finished run back into its lane, from attempt 1, under the same id.
local function requeue(run, revision, f, ...)
  local id = redis.call('XADD', LANE[f.priority], '*', 'run', run, 'v', f.v, 'payload', f.payload)
  rings = rings + 1
  record(run, revision, 'queued', 'entry', f.priority .. ':' .. id, 'attempt', 0, 'queue_ms', T, 'start_ms', 0, 'finish_ms', 0,
    'next_ms', 0, 'worker', '', 'failure', '', 'reason', '', 'progress', '', ...)
  redis.call('HDEL', RUN .. run, 'payload', 'v', 'letter')
  redis.call('PERSIST', RUN .. run)
end

-- The record of a letter that goes, unless Redis lost that record and the id was submitted again since: then it is another's.
local function let_expire(run, letter, keep_ms)
  if redis.call('HGET', RUN .. run, 'letter') == letter then redis.call('PEXPIRE', RUN .. run, keep_ms) end
end
