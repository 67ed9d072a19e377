import {QUALITY_DELAY} from './timeouts.js';

/**
 * Sums up what getStats returns in a few numbers, and these in one word.
 * @typedef {'good'|'fair'|'poor'|'lost'} Quality
 *
 * @typedef {object} Path
 * @property {'direct'|'relayed'} kind
 * @property {string} local type of the local candidate
 * @property {string} remote
 * @property {string} protocol udp or tcp; of a relayed path udp, tcp or tls, between this side and the relay
 *
 * @typedef {{width: number, height: number, fps: number}} Picture 0 = none
 *
 * @typedef {object} Sample
 * @property {number} at ms
 * @property {number} bytes RTP payload received so far
 * @property {number} sent RTP payload sent so far
 * @property {number} received packets so far
 * @property {number} lost packets so far
 * @property {number} remoteLoss share of this side's packets that the other side misses, 0 to 1
 * @property {number} remoteAudioLoss the same of the sound alone
 * @property {number|null} available bits a second that the browser believes it can send, null = it does not say
 * @property {number|null} rtt ms
 * @property {number|null} jitter of the received sound, ms
 * @property {Picture} pictureIn the video that arrives
 * @property {Picture} pictureOut the video that is sent
 * @property {Path|null} path
 *
 * @typedef {object} Rates
 * @property {number} loss the worse of both directions, a share from 0 to 1
 * @property {number} lossIn
 * @property {number} lossOut
 * @property {number|null} rtt ms
 * @property {number} bitrateIn bits a second
 * @property {number} bitrateOut
 * @property {boolean} silent whether nothing arrives any more
 */

/** @typedef {Record<string, any>} Entry a dictionary of webrtc-stats, whose fields differ by browser */

/** @param {Entry[]} entries @returns {Entry|undefined} the candidate pair in use */
export function selectedPair(entries) {
  const transport = entries.find(
    ({type, selectedCandidatePairId}) => type === 'transport' && selectedCandidatePairId,
  );
  if (transport) return entries.find(({id}) => id === transport.selectedCandidatePairId);
  // Firefox before 133 has no transport entry.
  return entries.find(
    ({type, nominated, state}) => type === 'candidate-pair' && nominated && state === 'succeeded',
  );
}

/** @param {Entry[]} entries @param {Entry|undefined} pair @returns {Path|null} */
function pathOf(entries, pair) {
  const local = entries.find(({id}) => id === pair?.localCandidateId);
  const remote = entries.find(({id}) => id === pair?.remoteCandidateId);
  if (!local || !remote) return null;
  const relayed = local.candidateType === 'relay' || remote.candidateType === 'relay';
  return {
    kind: relayed ? 'relayed' : 'direct',
    local: String(local.candidateType),
    remote: String(remote.candidateType),
    protocol: String(local.relayProtocol ?? local.protocol ?? 'udp').toLowerCase(),
  };
}

/** @param {Entry[]} rtp entries of one direction @returns {Picture} that of the stream with most frames: an unused one stays in the report */
function pictureOf(rtp) {
  const [video] = rtp
    .filter(({kind, framesPerSecond}) => kind === 'video' && framesPerSecond > 0)
    .sort((a, b) => b.framesPerSecond - a.framesPerSecond);
  const {frameWidth = 0, frameHeight = 0, framesPerSecond = 0} = video ?? {};
  return {width: frameWidth, height: frameHeight, fps: framesPerSecond};
}

/** @param {unknown} seconds @returns {number|null} ms */
const milliseconds = (seconds) => (typeof seconds === 'number' ? seconds * 1000 : null);

/** @param {Entry[]} entries the values of an RTCStatsReport @param {number} at @returns {Sample} */
export function sampleOf(entries, at) {
  const pair = selectedPair(entries);
  /** @param {string} wanted */
  const all = (wanted) => entries.filter(({type}) => type === wanted);
  const [inbound, outbound] = [all('inbound-rtp'), all('outbound-rtp')];
  const reports = all('remote-inbound-rtp');
  /** @param {Entry[]} some */
  const worst = (some) => Math.max(0, ...some.map(({fractionLost}) => fractionLost ?? 0));
  /** @param {Entry[]} some @param {string} field */
  const sum = (some, field) => some.reduce((total, entry) => total + (entry[field] ?? 0), 0);
  return {
    at,
    bytes: sum(inbound, 'bytesReceived'),
    sent: sum(outbound, 'bytesSent'),
    received: sum(inbound, 'packetsReceived'),
    lost: sum(inbound, 'packetsLost'),
    remoteLoss: worst(reports),
    remoteAudioLoss: worst(reports.filter(({kind}) => kind === 'audio')),
    available: pair?.availableOutgoingBitrate ?? null,
    rtt: milliseconds(pair?.currentRoundTripTime),
    jitter: milliseconds(inbound.find(({kind}) => kind === 'audio')?.jitter),
    pictureIn: pictureOf(inbound),
    pictureOut: pictureOf(outbound),
    path: pathOf(entries, pair),
  };
}

/** @param {Sample} before @param {Sample} after @returns {Rates} */
export function ratesOf(before, after) {
  const received = Math.max(0, after.received - before.received);
  const lost = Math.max(0, after.lost - before.lost);
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  /** @param {'bytes'|'sent'} field */
  const bitrate = (field) => (Math.max(0, after[field] - before[field]) * 8) / seconds;
  const lossIn = received + lost > 0 ? lost / (received + lost) : 0;
  return {
    loss: Math.max(lossIn, after.remoteLoss),
    lossIn,
    lossOut: after.remoteLoss,
    rtt: after.rtt,
    bitrateIn: bitrate('bytes'),
    bitrateOut: bitrate('sent'),
    silent: before.received > 0 && received === 0,
  };
}

/** @type {Quality[]} */
const ORDER = ['good', 'fair', 'poor', 'lost'];

/** @param {Rates} rates @returns {Quality} */
function instant({loss, rtt, silent}) {
  if (silent) return 'lost';
  if (loss < 0.02 && (rtt ?? 0) < 200) return 'good';
  return loss < 0.05 && (rtt ?? 0) < 400 ? 'fair' : 'poor';
}

/** Judges the quality of the connection, slowly enough not to flicker. */
export class QualityMeter {
  /** @type {Quality} */ value = 'good';
  /** @type {Quality} */ #candidate = 'good';
  #since = 0;

  /** @param {Rates} rates @param {number} at ms @returns {Quality} */
  add(rates, at) {
    const now = instant(rates);
    if (now !== this.#candidate) {
      this.#candidate = now;
      this.#since = at;
    }
    if (at - this.#since >= this.#delay(now)) this.value = now;
    return this.value;
  }

  /** @param {Quality} next */
  #delay(next) {
    const {worse, better} = QUALITY_DELAY;
    if (next === 'lost') return QUALITY_DELAY.lost;
    if (this.value === 'lost') return 0; // Anything is better than nothing.
    return ORDER.indexOf(next) > ORDER.indexOf(this.value) ? worse : better;
  }
}
