-- Drives one wrk run: requests from a file, every answer checked, one line of JSON at the end.
--
--   wrk ... -s load.lua URL -- FILE STATUS CHARGED REPEAT
--
-- FILE     whole requests, each after its length as eight digits
-- STATUS   the status that every answer must have
-- CHARGED  "charged": every answer must carry crawler-charged; "free": none may
-- REPEAT   "repeat": begin again at the end of the file; "once": the run ends there
--
-- Every target is loaded through this script, so that what it costs is the same for all of them.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(arguments)
   file = assert(io.open(arguments[1], "rb"))
   expected_status = tonumber(arguments[2])
   expects_charge = arguments[3] == "charged"
   repeats = arguments[4] == "repeat"
   sent, answered, wrong_status, wrong_charge, first_wrong, exhausted = 0, 0, 0, 0, 0, 0
end

function request()
   local length = file:read(8)
   if length == nil then
      if repeats then
         file:seek("set", 0)
         length = file:read(8)
      else
         -- The loop ends after this turn, in which the last request may go out again; wrk itself waits its time out,
         -- so the rate of this run means nothing.
         exhausted = 1
         wrk.thread:stop()
         return last
      end
   end
   sent = sent + 1
   last = file:read(tonumber(length))
   return last
end

function response(status, headers)
   answered = answered + 1
   if status ~= expected_status then
      wrong_status = wrong_status + 1
      if first_wrong == 0 then first_wrong = status end
   end
   if (headers["crawler-charged"] ~= nil) ~= expects_charge then
      wrong_charge = wrong_charge + 1
   end
end

function done(summary, latency)
   local total = { sent = 0, answered = 0, wrong_status = 0, wrong_charge = 0, first_wrong = 0, exhausted = 0 }
   for _, thread in ipairs(threads) do
      for name, value in pairs(total) do
         total[name] = value + thread:get(name)
      end
   end
   io.write(string.format(
      '{"duration_seconds": %.6f, "requests": %d, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
      '"sent": %d, "answered": %d, "wrong_status": %d, "wrong_charge": %d, "first_wrong": %d, "exhausted": %d, ' ..
      '"socket_errors": %d, "timeouts": %d}\n',
      summary.duration / 1e6, summary.requests, summary.bytes,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
      total.sent, total.answered, total.wrong_status, total.wrong_charge, total.first_wrong, total.exhausted,
      summary.errors.connect + summary.errors.read + summary.errors.write, summary.errors.timeout))
end
