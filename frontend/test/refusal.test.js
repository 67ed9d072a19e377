import assert from 'node:assert/strict';
import {test} from 'node:test';
import {reasonOfRefusal} from '../static/js/final.js';
import {refusalOf} from '../static/js/refusal.js';

/** @param {number} status @param {unknown} body @param {Record<string, string>} [headers] */
const refusal = (status, body, headers = {}) =>
  refusalOf(
    new Response(typeof body === 'string' ? body : JSON.stringify(body), {status, headers}),
  );

test('the response says why the server refuses', async () => {
  for (const [status, body, code] of [
    [403, {code: 'forbidden_origin', message: 'm'}, 'origin'],
    [421, {code: 'misdirected', message: 'm'}, 'host'],
    [421, '<h1>Misdirected</h1>', 'host'],
    [429, {code: 'rate_limited', message: 'm'}, 'limited'],
    [429, '', 'limited'],
    [503, {code: 'server_full', message: 'm'}, 'busy'],
  ])
    assert.equal((await refusal(status, body))?.code, code, `${status} ${code}`);
});

test("a proxy's response, and one that a retry helps, is no refusal", async () => {
  for (const [status, body] of [
    [403, '<h1>Forbidden</h1>'],
    [403, {code: 'blocked_by_a_firewall'}],
    [404, {code: 'not_found'}],
    [502, ''],
    [503, '<h1>No server is available to handle this request.</h1>'],
    [503, {code: 'closing'}],
    [503, 'null'],
  ])
    assert.equal(await refusal(status, body), null, `${status} ${JSON.stringify(body)}`);
});

test('Retry-After says how long to wait, or else a default', async () => {
  assert.equal((await refusal(429, {}, {'Retry-After': '7'}))?.after, 7);
  assert.equal((await refusal(429, {}, {'Retry-After': 'Fri, 31 Dec 1999'}))?.after, 10);
  assert.equal((await refusal(421, ''))?.after, 30);
  assert.deepEqual(
    ['origin', 'host', 'limited', 'busy'].map((code) => reasonOfRefusal({code, after: 1})),
    ['origin', 'host', null, null],
  );
});
