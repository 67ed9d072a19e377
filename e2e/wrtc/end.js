// An end of a call, with the WebRTC of Chromium in Node.js, that knows nothing of docs/call.md. It reads an offer and
// writes an answer, in lines of JSON.
import process from 'node:process';
import {createInterface} from 'node:readline';
import wrtc from '@roamhq/wrtc';

const {RTCPeerConnection, nonstandard} = wrtc;
const {RTCAudioSource, RTCVideoSink, RTCVideoSource} = nonstandard;
const seen = {frames: 0, heard: 0, opened: []};
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();
const line = async () => (await lines.next()).value;

/** @param {() => boolean} condition */
const until = (condition) =>
  new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!condition()) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });

/** Sends a grey picture that gets brighter, and a tone. */
function send(pc) {
  const [video, audio] = [new RTCVideoSource(), new RTCAudioSource()];
  const [width, height, sampleRate] = [160, 120, 48_000];
  const samples = new Int16Array(sampleRate / 100);
  for (let i = 0; i < samples.length; i++)
    samples[i] = 8000 * Math.sin((2 * Math.PI * 400 * i) / sampleRate);
  let step = 0;
  setInterval(() => {
    const data = new Uint8ClampedArray((width * height * 3) / 2).fill(128);
    data.fill(step++ % 256, 0, width * height);
    video.onFrame({width, height, data});
  }, 66);
  setInterval(() => {
    audio.onData({samples, sampleRate, bitsPerSample: 16, channelCount: 1});
  }, 10);
  for (const source of [audio, video]) pc.addTrack(source.createTrack());
}

const pc = new RTCPeerConnection();
const channel = pc.createDataChannel('chat'); // in band
channel.onmessage = () => seen.heard++;
pc.ondatachannel = ({channel: other}) => seen.opened.push(other.label);
const sinks = [];
pc.ontrack = ({track}) => {
  if (track.kind !== 'video') return;
  const sink = new RTCVideoSink(track);
  sink.onframe = () => seen.frames++;
  sinks.push(sink);
};
const {sdp} = JSON.parse(await line());
await pc.setRemoteDescription({type: 'offer', sdp});
send(pc);
await pc.setLocalDescription(await pc.createAnswer());
await until(() => pc.iceGatheringState === 'complete');
say({type: 'answer', sdp: pc.localDescription.sdp});
await until(() => seen.frames >= 20 && channel.readyState === 'open');
for (let i = 0; i < 300; i++) channel.send('hello');
setTimeout(() => say({connected: true}), 500); // for what the other end may do about it
await line(); // until the test has seen enough
say({channel: channel.readyState, connection: pc.connectionState, ...seen});
process.exit();
