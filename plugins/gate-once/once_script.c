/* once_script: see once_script.h. */
#include "once_script.h"

/* A key of another type than text (table: the error) exists, so it is done. */
const char once_script_reserve[] = "local t = redis.call('TIME')\n"
                                   "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
                                   "local out = {}\n"
                                   "for i, key in ipairs(KEYS) do\n"
                                   "  local v = redis.pcall('GET', key)\n"
                                   "  local flags = string.byte(ARGV[3], i) - 48\n"
                                   "  local state, age, left = 0, -1, -1\n"
                                   "  if type(v) == 'string' and string.sub(v, 1, 6) == 'lease:' then\n"
                                   "    if v ~= ARGV[1] or flags % 4 < 2 then state = 1 end\n"
                                   "  elseif v and flags % 2 == 0 then\n"
                                   "    state = 2\n"
                                   "    local at = type(v) == 'string' and string.match(v, '^done:(%d+)$')\n"
                                   "    if at then age = math.max(0, now - tonumber(at)) end\n"
                                   "  end\n"
                                   "  if state > 0 then\n"
                                   "    left = redis.call('PTTL', key)\n"
                                   "  elseif flags >= 4 then\n"
                                   "    state, left = 1, tonumber(ARGV[2])\n"
                                   "  else\n"
                                   "    redis.call('SET', key, ARGV[1], 'PX', ARGV[2])\n"
                                   "  end\n"
                                   "  out[#out + 1] = state\n"
                                   "  out[#out + 1] = age\n"
                                   "  out[#out + 1] = left\n"
                                   "end\n"
                                   "return out\n";

/* A key that is not there: the lease ran out and nobody took it, and the work is done all the same. */
const char once_script_conclude[] =
    "local t = redis.call('TIME')\n"
    "local done = string.format('done:%.0f', t[1] * 1000 + math.floor(t[2] / 1000))\n"
    "local out = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local v = redis.pcall('GET', key)\n"
    "  local ours = v == ARGV[1]\n"
    "  if string.byte(ARGV[3], i) == 49 then\n"
    "    local theirs = type(v) == 'string' and not ours and string.sub(v, 1, 6) == 'lease:'\n"
    "    if (ours or not v) and tonumber(ARGV[2]) > 0 then\n"
    "      redis.call('SET', key, done, 'PX', ARGV[2])\n"
    "    elseif ours or not v then\n"
    "      redis.call('SET', key, done)\n"
    "    end\n"
    "    out[i] = theirs and 0 or 1\n"
    "  else\n"
    "    if ours then redis.call('DEL', key) end\n"
    "    out[i] = (ours or not v) and 1 or 0\n"
    "  end\n"
    "end\n"
    "return out\n";

/* A server that lost the key is told again: the work still lasts. */
const char once_script_renew[] =
    "local out = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local v = redis.pcall('GET', key)\n"
    "  if v == ARGV[1] or not v then redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end\n"
    "  out[i] = (v == ARGV[1] or not v) and 1 or 0\n"
    "end\n"
    "return out\n";
