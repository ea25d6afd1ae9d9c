-- Asks for the paths of a file, one after another, and prints a line of JSON. A line is a path, a tab and the ETag that
-- the client says it has, or nothing. Arguments: the file, and whether to stop behind its last line ("once") or to
-- begin anew ("again").

local paths, position, once = {}, 0, false

function init(args)
   for line in io.lines(args[1]) do
      local path, etag = line:match("^(.-)\t(.*)$")
      local headers = {}
      for name, value in pairs(wrk.headers) do
         headers[name] = value
      end
      headers["If-None-Match"] = etag ~= "" and etag or nil
      paths[#paths + 1] = wrk.format("GET", path, headers)
   end
   once = args[2] == "once"
end

function request()
   position = position + 1
   if once and position == #paths + 1 then
      -- wrk itself would sleep until its time is up, so whoever started it is told to interrupt it.
      io.write("finished\n")
      io.flush()
      wrk.thread:stop()
   end
   return paths[(position - 1) % #paths + 1]
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %f, "bytes": %d, "median": %f, "p99": %f, "errors": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
