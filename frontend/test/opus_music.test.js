import assert from 'node:assert/strict';
import {test} from 'node:test';
import {acceptMusic, announceMusic, bringsMusic, withMusic} from '../static/js/opus_music.js';

const sdp = (...lines) => [...lines, ''].join('\r\n');
const CHROMIUM = sdp(
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9',
  'a=rtpmap:111 opus/48000/2',
  'a=rtcp-fb:111 transport-cc',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2',
  'a=fmtp:63 111/111',
  'a=rtpmap:9 G722/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=rtpmap:96 VP8/90000',
);

test('Opus gets two channels and a bitrate for music, and nothing else changes', () => {
  const after = withMusic(CHROMIUM);
  const parameters = 'useinbandfec=1;stereo=1;maxaveragebitrate=128000';
  assert.equal(after, CHROMIUM.replace('useinbandfec=1', parameters));
  assert.equal(withMusic(after), after);
});

test('parameters that are there are replaced, or added where there are none', () => {
  const firefox = sdp(
    'a=rtpmap:109 opus/48000/2',
    'a=fmtp:109 maxplaybackrate=48000;stereo=0; maxaveragebitrate=20000',
  );
  const parameters = 'maxplaybackrate=48000;stereo=1;maxaveragebitrate=128000';
  assert.equal(withMusic(firefox), sdp('a=rtpmap:109 opus/48000/2', `a=fmtp:109 ${parameters}`));
  const bare = sdp('a=rtpmap:96 OPUS/48000/2', 'a=ptime:20');
  assert.equal(
    acceptMusic(bare),
    sdp('a=rtpmap:96 OPUS/48000/2', 'a=fmtp:96 stereo=1', 'a=ptime:20'),
  );
  const none = sdp('a=rtpmap:0 PCMU/8000');
  assert.equal(withMusic(none), none);
});

test('what says so already is not touched', () => {
  const firefox = sdp('a=rtpmap:109 opus/48000/2', 'a=fmtp:109 stereo=1; useinbandfec=1');
  assert.equal(acceptMusic(firefox), firefox);
});

test('a side says that it sends music, which is not the same as playing it', () => {
  assert.equal(bringsMusic(CHROMIUM), false);
  assert.equal(bringsMusic(announceMusic(CHROMIUM)), true);
  // What the other side announces is not lost when this side sends music, too.
  assert.equal(bringsMusic(withMusic(announceMusic(CHROMIUM))), true);
  assert.equal(bringsMusic(withMusic(CHROMIUM)), false);
  assert.equal(bringsMusic(acceptMusic(CHROMIUM)), false);
  assert.equal(bringsMusic(announceMusic(CHROMIUM).replace('stereo=1', 'stereo=0')), false);
});
