import {refusalOf} from './refusal.js';
import {POST_RETRY_DELAY, STREAM_MIN_DURATION} from './timeouts.js';
/** @import {Refusal} from './refusal.js' */
/** @import {Callbacks} from './transport.js' */

/**
 * The same frames over plain HTTP, for networks that block WebSocket. Events arrive in a response that does not end
 * (Server-Sent Events, read by fetch, since an EventSource sends no Authorization). Requests are sent by POST, one at a
 * time, each answered with its reply.
 */

/** The code of a connection that ended without a close code (RFC 6455, section 7.4.1). */
const ABNORMAL = 1006;

export class SSETransport {
  name = 'sse';
  /** @type {string} */ #base;
  /** @type {Callbacks} */ #callbacks;
  /** @type {typeof fetch} */ #fetch;
  #secret = '';
  #lastEvent = '';
  #closed = false;
  #requests = new AbortController();
  /** @type {AbortController|null} */ #stream = null;
  #posts = Promise.resolve();
  #idleTimeout = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #idleTimer;

  /** @param {string} base URL of the API @param {Callbacks} callbacks @param {typeof fetch} [fetchIt] */
  constructor(base, callbacks, fetchIt = (...request) => fetch(...request)) {
    this.#base = base;
    this.#callbacks = callbacks;
    this.#fetch = fetchIt;
    void this.#run();
  }

  /** @param {string} text */
  send(text) {
    this.#posts = this.#posts.then(() => this.#post(text)).catch(() => this.#end(ABNORMAL));
  }

  /** Leaves the room. The request outlives the page. @returns {Promise<boolean>} whether the server has confirmed it */
  leave() {
    const canAsk = this.#secret && !this.#closed;
    this.close();
    if (!canAsk) return Promise.resolve(false);
    return this.#request('DELETE', '/sessions', {keepalive: true}).then(
      ({ok}) => ok,
      () => false,
    );
  }

  /** Reopens the stream when nothing arrives for two and a half times as long. @param {number} seconds */
  expectActivity(seconds) {
    this.#idleTimeout = seconds * 2500;
    this.#resetIdleTimer();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    this.#requests.abort();
    this.#stream?.abort();
  }

  /** @param {number} code @param {Refusal|null} [refusal] */
  #end(code, refusal = null) {
    if (this.#closed) return;
    this.close();
    this.#callbacks.onclose(code, refusal);
  }

  #resetIdleTimer() {
    clearTimeout(this.#idleTimer);
    if (this.#idleTimeout > 0)
      this.#idleTimer = setTimeout(() => this.#stream?.abort(), this.#idleTimeout);
  }

  /** @param {string} method @param {string} path @param {RequestInit} [more] */
  #request(method, path, more = {}) {
    const headers = {
      ...(this.#secret && {Authorization: `Bearer ${this.#secret}`}),
      ...more.headers,
    };
    return this.#fetch(this.#base + path, {method, cache: 'no-store', ...more, headers});
  }

  async #run() {
    try {
      const {signal} = this.#requests;
      const response = await this.#request('POST', '/sessions', {signal});
      if (!response.ok) {
        this.#end(ABNORMAL, await refusalOf(response));
        return;
      }
      this.#secret = String((await response.json()).session);
      // A proxy may end a long response. The session lasts until the next stream.
      for (let first = true; !this.#closed && (await this.#listen(first)); first = false);
      this.#end(ABNORMAL);
    } catch {
      this.#end(ABNORMAL);
    }
  }

  /** Reads a stream to its end. @param {boolean} first @returns {Promise<boolean>} whether to open another one */
  async #listen(first) {
    const stream = (this.#stream = new AbortController());
    /** @type {Record<string, string>} */
    const headers = this.#lastEvent ? {'Last-Event-ID': this.#lastEvent} : {};
    const response = await this.#request('GET', '/events', {headers, signal: stream.signal});
    if (!response.ok || !response.body) return false;
    if (first) this.#callbacks.onopen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    const since = Date.now();
    let any = false;
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        any = true;
        this.#resetIdleTimer();
        for (const event of parser.feed(read.value)) this.#dispatch(event);
      }
    } catch {
      // Broken, or idle for too long. The next stream continues where this one ended.
    }
    return any && Date.now() - since >= STREAM_MIN_DURATION;
  }

  /** @param {StreamEvent} event */
  #dispatch({id, type, data}) {
    if (this.#closed) return;
    if (id) this.#lastEvent = id;
    if (type !== 'close') {
      this.#callbacks.ontext(data);
      return;
    }
    const {code} = JSON.parse(data);
    this.#end(typeof code === 'number' ? code : ABNORMAL);
  }

  /** @param {string} text */
  async #post(text) {
    if (this.#closed) return;
    const {signal} = this.#requests;
    const headers = {'Content-Type': 'application/json'};
    const response = await this.#request('POST', '/frames', {headers, body: text, signal});
    const body = await response.text();
    if (this.#closed) return;
    if (isFrame(body)) this.#callbacks.ontext(body);
    else if (response.status === 413) this.#callbacks.ontext(tooLarge(text));
    else if (response.status === 429) {
      const seconds = Number(response.headers.get('Retry-After'));
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000 || POST_RETRY_DELAY));
      await this.#post(text);
    } else if (!response.ok) throw new Error(`status ${response.status}`);
  }
}

/** @param {string} body @returns {boolean} whether it is a frame, not a proxy's page or an error of the API */
function isFrame(body) {
  try {
    return typeof JSON.parse(body).type === 'string';
  } catch {
    return false;
  }
}

/** Makes up the reply to a request that the server did not read. @param {string} text */
const tooLarge = (text) =>
  JSON.stringify({type: 'error', id: JSON.parse(text).id, code: 'too_large', retry: false});

/** @typedef {{id: string, type: string, data: string}} StreamEvent */

/** Parses an event stream (HTML, section 9.2.6, "Interpreting an event stream"). */
export class EventParser {
  #rest = '';
  /** @type {StreamEvent} */ #event = {id: '', type: '', data: ''};
  /** @type {string[]} */ #data = [];

  /** @param {string} chunk @returns {StreamEvent[]} the events that it completes */
  feed(chunk) {
    /** @type {StreamEvent[]} */
    const events = [];
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length > 0) events.push({...this.#event, data: this.#data.join('\n')});
      if (line === '') this.#reset();
    }
    return events;
  }

  #reset() {
    this.#event = {id: '', type: '', data: ''};
    this.#data = [];
  }

  /** @param {string} line */
  #field(line) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'data') this.#data.push(value);
    else if (name === 'id') this.#event.id = value;
    else if (name === 'event') this.#event.type = value;
  }
}
