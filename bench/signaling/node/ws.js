// Rooms of two and messages between them, on ws and JSON.
import {randomUUID} from 'node:crypto';
import {WebSocketServer} from 'ws';
import {listen, server} from './serve.js';

const capacity = 2;
const rooms = new Map(); // name → Set of sockets

new WebSocketServer({server}).on('connection', (socket) => {
  const peer = randomUUID();
  socket.peer = peer;
  let name = null;

  const reply = (frame) => socket.send(JSON.stringify(frame));
  const toOthers = (frame) => {
    const text = JSON.stringify(frame);
    for (const other of rooms.get(name) ?? []) {
      if (other !== socket) other.send(text);
    }
  };

  const join = ({id, room}) => {
    const sockets = rooms.get(room) ?? new Set();
    if (sockets.size >= capacity) {
      reply({type: 'full', id});
      return;
    }
    const peers = [...sockets].map((other) => other.peer);
    rooms.set(room, sockets.add(socket));
    name = room;
    toOthers({type: 'other_joined', peer});
    reply({type: 'joined', id, peer, peers});
  };

  const leave = () => {
    if (name === null) return;
    toOthers({type: 'bye', peer});
    const sockets = rooms.get(name);
    sockets.delete(socket);
    if (sockets.size === 0) rooms.delete(name);
    name = null;
  };

  socket.on('message', (text) => {
    const frame = JSON.parse(text);
    switch (frame.type) {
      case 'join':
        join(frame);
        break;
      case 'message':
        toOthers({type: 'message', from: peer, data: frame.data});
        reply({type: 'ack', id: frame.id});
        break;
      case 'leave':
        leave();
        reply({type: 'left', id: frame.id});
        break;
    }
  });
  socket.on('close', leave);
  socket.on('error', () => socket.terminate());
});

listen();
