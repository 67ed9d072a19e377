import {initial, reduce} from '../static/js/machine.js';
import {screenOf} from '../static/js/screens.js';

export const joined = (fields = {}) => ({
  type: 'joined',
  id: 1,
  room: 'lamp',
  peer: 'pAnn',
  resume: 'token',
  resumed: false,
  peers: [],
  ping: 15,
  iceServers: [{urls: ['turn:192.0.2.1:3478']}],
  iceTTL: 600,
  ...fields,
});

export const otherJoined = (fields = {}) => ({
  type: 'other_joined',
  seq: 1,
  peer: 'pBo',
  name: 'Bo',
  polite: false,
  away: false,
  ...fields,
});

export const offer = (from, call) => ({
  type: 'message',
  seq: 2,
  from,
  data: {call, description: {type: 'offer', sdp: 'v=0'}},
});

/** Feeds events to the reducer, and records its commands and the running timers. */
export class Driver {
  state = initial;
  at = 0;
  /** @type {Set<string>} */ timers = new Set();
  commands = [];
  #ms = new Map();

  static joining(state = initial) {
    const driver = new Driver();
    driver.state = state;
    driver.does({type: 'open', room: 'lamp'});
    driver.does({type: 'join', name: 'Ann'});
    return driver;
  }

  static waiting() {
    const driver = Driver.joining();
    driver.frame(joined());
    return driver;
  }

  static meeting(polite = false) {
    const driver = Driver.waiting();
    driver.frame(otherJoined({polite}));
    return driver;
  }

  static inCall(polite = false) {
    const driver = Driver.meeting(polite);
    driver.link({type: 'settled', settled: true});
    driver.link({type: 'connection', state: 'connected'});
    return driver;
  }

  get screen() {
    return screenOf(this.state);
  }

  /** @returns {any[]} the commands */
  run(event) {
    const {state, commands} = reduce(this.state, {at: this.at, ...event});
    this.state = state;
    for (const command of commands) {
      if (command.type === 'startTimer') {
        this.timers.add(command.name);
        this.#ms.set(command.name, command.ms);
      }
      if (command.type === 'stopTimer') this.timers.delete(command.name);
    }
    this.commands.push(...commands);
    return commands;
  }

  /** @returns {string[]} the types of the commands, with the names of timers */
  does(event) {
    return this.run(event).map(({type, name}) => (/Timer$/.test(type) ? `${type} ${name}` : type));
  }

  frame(frame) {
    return this.does({type: 'frame', frame});
  }

  /** Dispatches an event of the newest link. */
  link(event) {
    return this.does({...event, link: this.state.linkCount});
  }

  timer(name) {
    if (!this.timers.delete(name)) throw new Error(`timer ${name} does not run`);
    return this.does({type: 'timer', name});
  }

  timerMs(name) {
    return this.timers.has(name) ? this.#ms.get(name) : undefined;
  }

  last(type) {
    return this.commands.findLast((command) => command.type === type);
  }
}
