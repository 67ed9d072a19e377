import assert from 'node:assert/strict';
import {test} from 'node:test';
import {yieldTo} from '../static/js/rollback.js';

test('an offer that makes the browser roll back is set without SSRCs first, and then as it is', async () => {
  const sdp = [
    'v=0',
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
    'a=mid:1',
    'a=msid:stream track',
    'a=ssrc-group:FID 1 2',
    'a=ssrc:1 cname:x',
    'a=ssrc:2 cname:x',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:0',
    'a=ssrc:3 cname:x',
    '',
  ].join('\r\n');
  const set = [];
  await yieldTo(
    {setRemoteDescription: async (description) => set.push(description)},
    {type: 'offer', sdp},
  );
  assert.deepEqual(
    set.map(({type}) => type),
    ['offer', 'offer'],
  );
  const bare = sdp.split('\r\n').filter((line) => !line.startsWith('a=ssrc'));
  assert.deepEqual(set[0].sdp.split('\r\n'), bare);
  assert.equal(set[1].sdp, sdp);
});

test('a browser that does not take the offer without SSRCs gets it as it is', async () => {
  const set = [];
  const pc = {
    setRemoteDescription: async ({sdp}) => {
      if (!sdp.includes('a=ssrc')) throw new Error('no SSRC');
      set.push(sdp);
    },
  };
  await yieldTo(pc, {type: 'offer', sdp: 'v=0\r\na=ssrc:1 cname:x\r\n'});
  assert.equal(set.length, 1);
});
