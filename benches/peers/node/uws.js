// uWebSockets.js: `node uws.js PORT`. Rooms are its native topics, bytes are published as they came
// (an ArrayBuffer is its cheapest form), compression is off, nothing times out.
'use strict';

const { uws } = require('./native.js');
const { Limit, step } = require('./step.js');

const port = Number(process.argv[2]);
const app = uws.App();

const options = {
  compression: uws.DISABLED,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  maxPayloadLength: 64 * 1024,
  maxBackpressure: 1024 * 1024,
};

/** An endpoint: `joins` its room or not, `carry` does what a message is for. */
function serve(path, joins, carry) {
  app.ws(path, {
    ...options,
    upgrade: (response, request, context) => {
      const connection = { room: request.getParameter(0) ?? '', limit: new Limit() };
      response.upgrade(
        connection,
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open: (socket) => {
      if (joins) socket.subscribe(socket.getUserData().room);
    },
    message: carry,
  });
}

function echo(socket, message, isBinary) {
  socket.send(message, isBinary, false);
}

function publish(socket, message, isBinary) {
  app.publish(socket.getUserData().room, message, isBinary, false);
}

function stepped(socket, message) {
  return step(Buffer.from(message).toString(), socket.getUserData().limit);
}

function jsonPublish(socket, message) {
  const made = stepped(socket, message);
  if (made !== undefined) app.publish(socket.getUserData().room, made, false, false);
}

function jsonEcho(socket, message) {
  const made = stepped(socket, message);
  if (made !== undefined) socket.send(made, false, false);
}

serve('/echo', false, echo);
serve('/room/:name', true, publish);
serve('/publish/:name', false, publish);
serve('/jsonecho', false, jsonEcho);
serve('/json/:name', true, jsonPublish);
serve('/jsonpublish/:name', false, jsonPublish);

app.listen('127.0.0.1', port, (listening) => {
  if (!listening) throw new Error(`port ${port} is taken`);
  console.log(`listening on ${port}`);
});
