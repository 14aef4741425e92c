// Socket.IO: `node socketio.js PORT [--uws]`. As its page on performance says: WebSocket transport
// alone, no compression, bufferutil installed, the first HTTP request forgotten; with --uws on
// uWebSockets.js instead of ws, where a room is a native topic.
'use strict';

const { Server } = require('socket.io');

const port = Number(process.argv[2]);
const onUws = process.argv.includes('--uws');

const io = new Server({
  transports: ['websocket'],
  serveClient: false,
  perMessageDeflate: false,
  httpCompression: false,
});

io.on('connection', (socket) => {
  socket.on('join', (room, joined) => {
    socket.join(room);
    joined();
  });
  socket.on('leave', (room, left) => {
    socket.leave(room);
    left();
  });
  socket.on('publish', (room, body) => io.to(room).emit('message', body));
  socket.on('echo', (body) => socket.emit('message', body));
});

function forgetRequests() {
  io.engine.on('connection', (raw) => {
    raw.request = null;
  });
}

function listenOnUws() {
  const { uws } = require('./native.js');
  const app = uws.App();
  io.attachApp(app, { maxBackpressure: 1024 * 1024 });
  forgetRequests();
  app.listen('127.0.0.1', port, (listening) => {
    if (!listening) throw new Error(`port ${port} is taken`);
    console.log(`listening on ${port}`);
  });
}

function listenOnHttp() {
  const server = require('node:http').createServer();
  io.attach(server);
  forgetRequests();
  server.listen({ host: '127.0.0.1', port, backlog: 4096 }, () => {
    console.log(`listening on ${port}`);
  });
}

if (onUws) listenOnUws();
else listenOnHttp();
