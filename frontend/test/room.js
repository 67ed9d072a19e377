import {FakeWebSocket} from './fakes.js';

/** A signaling server with one room, as far as the page needs it. */
export class Room {
  /** @type {Map<string, any>} */ seats = new Map();
  reports = [];
  joins = [];
  iceServers = [{urls: ['stun:192.0.2.1']}];
  /** @type {(from: string, data: any) => boolean} */ passes = () => true;
  /** Whether requests get lost, as on a connection that is dead without saying so. */
  deaf = false;
  #capacity;
  #peers = 0;
  #order = 0;

  constructor(capacity = 2) {
    this.#capacity = capacity;
  }

  /** Opens every socket that was created since the last call. */
  accept() {
    for (const socket of FakeWebSocket.all.splice(0)) {
      socket.send = (text) => setImmediate(() => this.#receive(socket, JSON.parse(text)));
      const close = socket.close.bind(socket);
      socket.close = (code) => {
        close(code);
        setImmediate(() => this.#lost(socket)); // A leave that was sent before is handled first.
      };
      socket.serverOpens();
    }
  }

  /** Breaks a peer's connection. Its seat is held. */
  cut(peer) {
    const seat = this.seats.get(peer);
    const {socket} = seat;
    this.#lost(socket);
    socket.serverCloses(1006);
  }

  /** Ends a peer's grace time. */
  expire(peer, reason = 'timeout') {
    this.seats.delete(peer);
    this.#tell(peer, {type: 'bye', peer, reason});
  }

  /** Restarts the server, which then knows nobody. */
  restart() {
    const sockets = [...this.seats.values()].map(({socket}) => socket);
    this.seats.clear();
    for (const socket of sockets) socket?.serverCloses(1006);
  }

  #lost(socket) {
    for (const seat of this.seats.values()) {
      if (seat.socket !== socket) continue;
      seat.socket = null;
      this.#tell(seat.peer, {type: 'away', peer: seat.peer});
    }
  }

  #tell(from, event) {
    for (const seat of this.seats.values()) if (seat.peer !== from) this.#event(seat, event);
  }

  #event(seat, event) {
    const frame = {...event, seq: ++seat.seq};
    seat.events.push(frame);
    seat.socket?.serverSends(frame);
  }

  #others(peer) {
    return [...this.seats.values()].filter((seat) => seat.peer !== peer);
  }

  #receive(socket, frame) {
    const seat = [...this.seats.values()].find((candidate) => candidate.socket === socket);
    if (frame.type === 'join') this.#join(socket, frame);
    else if (seat && !this.deaf) this.#request(seat, frame);
  }

  #join(socket, frame) {
    this.joins.push(frame);
    const token = frame.resume && JSON.parse(frame.resume);
    const held = token && this.seats.get(token.peer);
    if (held) {
      const missed = held.events.filter(({seq}) => seq > frame.seq);
      held.socket = socket;
      this.#joined(held, frame, true);
      for (const event of missed) socket.serverSends(event);
      this.#tell(held.peer, {type: 'back', peer: held.peer, resumed: true});
      return;
    }
    if (this.seats.size >= this.#capacity) {
      socket.serverSends({type: 'full', id: frame.id});
      return;
    }
    const peer = token ? token.peer : `p${++this.#peers}`;
    const order = token ? token.order : ++this.#order;
    const seat = {peer, order, name: frame.name ?? '', socket, seq: 0, events: [], last: 0};
    this.seats.set(peer, seat);
    this.#joined(seat, frame, false);
    for (const other of this.#others(peer)) {
      const polite = other.order > order;
      this.#event(other, {type: 'other_joined', peer, name: seat.name, polite, resumed: false});
    }
  }

  #joined(seat, {id, room}, resumed) {
    const {peer, order} = seat;
    const peers = this.#others(peer).map((other) => ({
      peer: other.peer,
      name: other.name,
      away: other.socket === null,
      polite: order > other.order,
    }));
    const ice = {iceServers: this.iceServers, iceTTL: 600};
    const resume = JSON.stringify({peer, order});
    seat.socket.serverSends({
      type: 'joined',
      id,
      room,
      peer,
      resume,
      resumed,
      peers,
      ping: 15,
      ...ice,
    });
  }

  #request(seat, frame) {
    const {type, id} = frame;
    const reply = (fields) => seat.socket?.serverSends({type: 'ack', id, ...fields});
    if (type === 'message') {
      const [other] = this.#others(seat.peer).filter(({peer}) => peer === frame.to);
      if (!other) return reply({type: 'error', code: 'no_such_peer', message: '', retry: false});
      if (id > seat.last && this.passes(seat.peer, frame.data))
        this.#event(other, {type: 'message', from: seat.peer, data: frame.data});
      seat.last = Math.max(seat.last, id);
      reply();
    } else if (type === 'report') {
      this.reports.push(frame);
      reply();
    } else if (type === 'ice') {
      reply({type: 'ice', iceServers: [{urls: ['stun:192.0.2.9']}], iceTTL: 600});
    } else if (type === 'ping') {
      reply({type: 'pong'});
    } else if (type === 'leave') {
      this.expire(seat.peer, 'left');
      reply({type: 'left'});
    }
  }
}
