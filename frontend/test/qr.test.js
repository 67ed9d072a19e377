import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import jsQR from 'jsqr';
import {qrCode} from '../static/js/qr.js';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** Draws the path as a picture of some pixels a module, as a browser does. */
function draw({size, path}, scale = 4) {
  const side = size * scale;
  const pixels = new Uint8ClampedArray(4 * side * side).fill(255);
  const bars = [...path.matchAll(/M(\d+) (\d+)h(\d+)v1h-(\d+)z/g)];
  assert.equal(bars.map(([bar]) => bar).join(''), path);
  for (const [x, y, width, back] of bars.map((bar) => bar.slice(1).map(Number))) {
    assert.equal(width, back);
    for (let row = y * scale; row < (y + 1) * scale; row++)
      for (let column = x * scale; column < (x + width) * scale; column++)
        pixels.fill(0, 4 * (row * side + column), 4 * (row * side + column) + 3);
  }
  return [pixels, side, side];
}

test('a reader gets the link from the drawing', () => {
  for (const link of [
    'http://localhost:8080/r/a',
    'https://call.example/r/quiet-river-lamp',
    'https://call.example/r/%E5%AE%89%E9%9D%99%E7%9A%84%E6%B2%B3',
    `https://call.example/call/r/${'x'.repeat(64)}#token=${'eyJhbGciOiJIUzI1NiJ9'.repeat(10)}`,
  ])
    assert.equal(jsQR(...draw(qrCode(link)))?.data, link);
});

test('around the code there is as much white as readers need', () => {
  const {size, path} = qrCode('https://call.example/r/quiet-river-lamp');
  for (const [x, y, width] of [...path.matchAll(/M(\d+) (\d+)h(\d+)/g)].map((bar) =>
    bar.slice(1).map(Number),
  ))
    assert.ok(x >= 4 && y >= 4 && x + width <= size - 4 && y < size - 4);
});

test('the encoder is that of the package, with its licence', () => {
  const [, licence = '', code] = /^\/\/ @ts-nocheck\n\/\*!\n([\s\S]*?)\n\*\/\n([\s\S]*)$/.exec(
    read('../static/js/vendor/uqr.js'),
  );
  assert.equal(code, read('../node_modules/uqr/dist/index.mjs'));
  const {version} = JSON.parse(read('../node_modules/uqr/package.json'));
  assert.ok(licence.startsWith(`uqr ${version} `));
  assert.ok(licence.endsWith(read('../node_modules/uqr/LICENSE').trim()));
});
