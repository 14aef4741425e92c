// The JSON step that every hub with one does to a message, written by hand: parse, check a limit of
// the connection, rebuild what members get.
'use strict';

const WINDOW_MS = 60_000;
const MESSAGES_MAX = 1e12;

/** A connection's fixed window: `MESSAGES_MAX` in `WINDOW_MS`, so it counts and never refuses. */
class Limit {
  constructor() {
    this.until = 0;
    this.count = 0;
  }

  allows(now) {
    if (now >= this.until) {
      this.until = now + WINDOW_MS;
      this.count = 0;
    }
    return ++this.count <= MESSAGES_MAX;
  }
}

/** What members get for this text, or undefined where it is refused. */
function step(text, limit) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (message.event !== 'send_message' || typeof message.payload?.message !== 'string') {
    return undefined;
  }
  if (!limit.allows(Date.now())) return undefined;
  const payload = { user: 'u', message: message.payload.message };
  return JSON.stringify({ event: 'new_message', payload });
}

module.exports = { Limit, step };
