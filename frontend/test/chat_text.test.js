import assert from 'node:assert/strict';
import {test} from 'node:test';
import {MAX_TEXT, cleanText, lengthOf, partsOf} from '../static/js/chat_text.js';

/** The links of a text, as [shown, opened]. */
const links = (text) =>
  partsOf(text)
    .filter(({href}) => href)
    .map((part) => [part.text, part.href]);

test('the parts of a text are the text', () => {
  for (const text of [
    '',
    'plain',
    'http://a.example',
    'See https://a.example/b?c=d#e, then (http://b.example/(x)).\n\tBye',
    '<a href="https://a.example/">x</a>',
    '\u202ehttps://a.example/\u202c',
    '👍'.repeat(MAX_TEXT),
  ])
    assert.equal(
      partsOf(text)
        .map((part) => part.text)
        .join(''),
      text,
    );
});

test('http and https become links, nothing else does', () => {
  assert.deepEqual(links('http://a.example'), [['http://a.example', 'http://a.example/']]);
  assert.deepEqual(links('HTTPS://A.example/B'), [['HTTPS://A.example/B', 'https://a.example/B']]);
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'blob:https://a.example/1',
    'view-source:file:///etc/passwd',
    'ftp://a.example/',
    'javascript://a.example/%0aalert(1)',
    'xhttps://a.example',
    'https:a.example',
    'https://',
    'www.a.example',
  ]) {
    // The address in a blob: or view-source: one may be a link of its own, which does no harm.
    for (const [shown, opened] of links(text)) {
      assert.match(shown, /^https?:\/\//, text);
      assert.match(opened, /^https?:\/\//, text);
    }
  }
  assert.deepEqual(links('javascript:alert(1) ftp://a.example xhttps://b.example'), []);
});

test('a sentence may go on behind a link', () => {
  for (const [text, shown] of [
    ['See https://a.example/b.', 'https://a.example/b'],
    ['(https://a.example/b)', 'https://a.example/b'],
    ['https://a.example/b_(c)', 'https://a.example/b_(c)'],
    ['<https://a.example/b>', 'https://a.example/b'],
    ['"https://a.example/b"!', 'https://a.example/b'],
    ['看https://a.example/b，好的', 'https://a.example/b'],
    ['看看https://a.example好的', 'https://a.example'],
    ["it's https://a.example/b's", "https://a.example/b's"],
  ])
    assert.deepEqual(
      links(text).map(([link]) => link),
      [shown],
      text,
    );
});

test('the host that is shown is the one that is opened', () => {
  for (const text of [
    'https://bank.example@evil.example/',
    'https://bank.example:443@evil.example',
    'https://bank.example\\@evil.example/',
    'https://bаnk.example/', // a Cyrillic letter
    'https://bank.exampleа', // another one behind it
    'https://bank.example\u0301/',
    'https://0x7f000001/',
    'https://2130706433/',
    'https://bank.example%2eevil.example/',
  ])
    assert.deepEqual(links(text), [], text);
  assert.deepEqual(links('https://xn--bnk-7cd.example/'), [
    ['https://xn--bnk-7cd.example/', 'https://xn--bnk-7cd.example/'],
  ]);
  assert.deepEqual(links('https://a.example:443/ http://a.example:8080'), [
    ['https://a.example:443/', 'https://a.example/'],
    ['http://a.example:8080', 'http://a.example:8080/'],
  ]);
});

test('many links take no time to speak of', () => {
  const begin = process.cpuUsage();
  partsOf('https://a.example/' + '('.repeat(3900) + ')'.repeat(80));
  partsOf('http://'.repeat(600));
  partsOf('https://a.example/' + ')'.repeat(3980));
  assert.ok(process.cpuUsage(begin).user < 1e6); // Microseconds. The machine may be busy.
});

test('a typed text is made fit to be sent', () => {
  assert.equal(cleanText('  a\r\nb\rc\td\n '), 'a\nb\nc\td');
  assert.equal(cleanText('a\u0000\u0007\u001b[31m\u0085b'), 'a[31mb');
  assert.equal(cleanText('\ud800a\udc00'), '\ufffda\ufffd');
  assert.equal(cleanText('\n \t'), '');
  assert.equal(cleanText('<b>&amp;</b>'), '<b>&amp;</b>');
  assert.equal(lengthOf(cleanText('👍'.repeat(4000))), 4000);
});
