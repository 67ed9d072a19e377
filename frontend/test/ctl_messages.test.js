import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {MAX_BYTES, decodeCtl, encodeCtl} from '../static/js/ctl_messages.js';

const samples = JSON.parse(
  readFileSync(new URL('../../peer/ctl/testdata/messages.json', import.meta.url), 'utf8'),
);

/** The message as it is sent; `make` describes a long one. */
const jsonOf = ({json, make}) => json ?? make.before + make.unit.repeat(make.count) + make.after;

/** What a sample decodes to; `same` = what the JSON says. */
const messageOf = (sample) =>
  sample.message === 'same' ? JSON.parse(jsonOf(sample)) : sample.message;

test('every sample is decoded as its file says', () => {
  assert.ok(samples.length > 100);
  for (const sample of samples) {
    const decoded = decodeCtl(jsonOf(sample));
    if (!sample.valid) {
      assert.equal(decoded.type, 'malformed', sample.name);
      assert.equal(decoded.what, sample.error, sample.name);
    } else if (sample.message === null) assert.deepEqual(decoded, {type: 'unknown'}, sample.name);
    else assert.deepEqual(decoded, messageOf(sample), sample.name);
  }
});

test('every sample of a valid message is encoded so that it decodes to itself', () => {
  for (const sample of samples) {
    const message = messageOf(sample);
    if (message) assert.deepEqual(decodeCtl(encodeCtl(message)), message, sample.name);
  }
});

test('the type comes first, as in the samples', () => {
  assert.equal(encodeCtl({type: 'bye', final: true}), '{"type":"bye","final":true}');
});

test('a message that receivers refuse is not sent', () => {
  const tooLarge = {type: 'signal', data: {x: '明'.repeat(MAX_BYTES / 3)}};
  assert.throws(() => encodeCtl(tooLarge), RangeError);
  assert.throws(() => encodeCtl({type: 'chat', id: 0, text: '', at: 0}), RangeError);
  assert.throws(() => encodeCtl({type: 'hello', v: 1, app: 'a\n', features: [], name: ''}), {
    message: 'app of a hello message',
  });
});

test('a malformed message says of what type it is', () => {
  assert.deepEqual(decodeCtl('{"type":"reveal"}'), {
    type: 'malformed',
    of: 'reveal',
    what: 'nonce',
  });
});
