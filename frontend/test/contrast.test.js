import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

const css = readFileSync(new URL('../static/css/variables.css', import.meta.url), 'utf8');
const variables = (text) =>
  Object.fromEntries(
    [...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]),
  );
const [light, dark] = css.split('@media (prefers-color-scheme: dark)').map(variables);

/** Contrast ratio of WCAG 2.2, section 1.4.3. */
function ratio(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const TEXT = [
  ['text', 'bg'],
  ['text', 'surface'],
  ['text', 'raised'],
  ['text', 'warn'],
  ['muted', 'bg'],
  ['muted', 'surface'],
  ['muted', 'raised'],
  ['text', 'accent-soft'],
  ['accent', 'bg'],
  ['accent', 'raised'],
  ['on-accent', 'accent'],
  ['on-danger', 'danger'],
  ['on-warn', 'warn'],
  ['on-video', 'video'],
  ['poor', 'surface'],
  ['poor', 'bg'],
];
const SHAPES = [
  ['border', 'surface'],
  ['border', 'bg'],
  ['accent', 'surface'],
  ['danger', 'bg'],
  ['good', 'bg'],
  ['fair', 'bg'],
  ['poor', 'bg'],
];

test('the formula is that of WCAG', () => {
  assert.equal(ratio('#000000', '#ffffff'), 21);
  assert.equal(ratio('#777777', '#ffffff').toFixed(2), '4.48');
});

for (const [theme, colours] of Object.entries({light, dark})) {
  test(`${theme}: text and meaningful shapes have enough contrast`, () => {
    assert.deepEqual(Object.keys(colours).sort(), Object.keys(light).sort());
    for (const [[front, back], least] of [
      ...TEXT.map((pair) => [pair, 4.5]),
      ...SHAPES.map((pair) => [pair, 3]),
    ]) {
      const got = ratio(colours[front], colours[back]);
      assert.ok(got >= least, `${front} on ${back}: ${got.toFixed(2)}, less than ${least}`);
    }
  });
}
