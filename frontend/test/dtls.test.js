import assert from 'node:assert/strict';
import {test} from 'node:test';
import {keepRole} from '../static/js/dtls.js';

const sdp = (role, fingerprint = 'sha-256 AA:BB') =>
  `v=0\r\na=fingerprint:${fingerprint}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:${role}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:${role}\r\n`;
const described = (local, remote) => ({
  currentLocalDescription: local && {type: local[0], sdp: sdp(local[1])},
  currentRemoteDescription: remote && {type: remote[0], sdp: sdp(remote[1])},
});
const received = (type, role, fingerprint) => ({type, sdp: sdp(role, fingerprint)});

test('an answer keeps the role that the other side has, whoever answered first', () => {
  const offered = described(['offer', 'actpass'], ['answer', 'passive']);
  const answered = described(['answer', 'active'], ['offer', 'actpass']);
  for (const pc of [offered, answered])
    assert.equal(keepRole(received('answer', 'active'), pc).sdp, sdp('passive'));
  const active = described(['answer', 'passive'], ['offer', 'actpass']);
  assert.equal(keepRole(received('answer', 'passive'), active).sdp, sdp('active'));
});

test('what is right stays as it is', () => {
  const pc = described(['offer', 'actpass'], ['answer', 'active']);
  assert.equal(keepRole(received('answer', 'active'), pc).sdp, sdp('active'));
});

test('the first answer, an offer, and another DTLS association may have any role', () => {
  const before = described(['offer', 'actpass'], ['answer', 'passive']);
  for (const [description, pc] of [
    [received('answer', 'active'), described(null, null)],
    [received('answer', 'active'), {}],
    [received('offer', 'actpass'), before],
    [received('answer', 'active', 'sha-256 CC:DD'), before],
  ])
    assert.equal(keepRole(description, pc), description);
});
