// ws: `node ws.js PORT`. As its README says: permessage-deflate off, bufferutil installed beside it
// for the unmasking, a broadcast is a loop of `send` over the members; its own client set is off.
'use strict';

const { WebSocketServer } = require('ws');
const { Limit, step } = require('./step.js');

const port = Number(process.argv[2]);
const rooms = new Map();

function room(name) {
  if (!rooms.has(name)) rooms.set(name, new Set());
  return rooms.get(name);
}

function broadcast(members, message, isBinary) {
  for (const member of members) member.send(message, { binary: isBinary });
}

/** What a message at this path does. */
function carrier(socket, kind, members) {
  const limit = new Limit();
  const stepped = (message) => step(message.toString(), limit);
  switch (kind) {
    case 'echo':
      return (message, isBinary) => socket.send(message, { binary: isBinary });
    case 'room':
    case 'publish':
      return (message, isBinary) => broadcast(members, message, isBinary);
    case 'jsonecho':
      return (message) => {
        const made = stepped(message);
        if (made !== undefined) socket.send(made);
      };
    case 'json':
    case 'jsonpublish':
      return (message) => {
        const made = stepped(message);
        // Made bytes once: a string would be encoded again for each member.
        if (made !== undefined) broadcast(members, Buffer.from(made), false);
      };
    default:
      return undefined;
  }
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port,
  backlog: 4096,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: 64 * 1024,
});

server.on('connection', (socket, request) => {
  const [, kind, name = ''] = request.url.split('?')[0].split('/');
  const members = room(name);
  const carry = carrier(socket, kind, members);
  if (carry === undefined) return socket.close(1008);
  if (kind === 'room' || kind === 'json') {
    members.add(socket);
    socket.on('close', () => members.delete(socket));
  }
  socket.on('message', carry);
  socket.on('error', () => socket.terminate());
});

server.on('listening', () => console.log(`listening on ${port}`));
