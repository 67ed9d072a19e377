// Rooms of two and messages between them, on socket.io.
import {Server} from 'socket.io';
import {listen, server} from './serve.js';

const capacity = 2;
const io = new Server(server);

io.on('connection', (socket) => {
  let joined = null;

  socket.on('join', (room, done) => {
    const peers = io.sockets.adapter.rooms.get(room);
    if (peers && peers.size >= capacity) {
      done({full: true});
      return;
    }
    const others = peers ? [...peers] : [];
    socket.join(room);
    joined = room;
    socket.to(room).emit('other_joined', {peer: socket.id});
    done({peer: socket.id, peers: others});
  });

  socket.on('message', (message, done) => {
    socket.to(joined).emit('message', {from: socket.id, data: message.data});
    done({});
  });

  const leave = () => {
    if (joined === null) return;
    socket.to(joined).emit('bye', {peer: socket.id});
    socket.leave(joined);
    joined = null;
  };
  socket.on('leave', (done) => {
    leave();
    done({});
  });
  socket.on('disconnect', leave);
});

listen();
