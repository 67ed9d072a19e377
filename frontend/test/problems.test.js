import assert from 'node:assert/strict';
import {test} from 'node:test';
import {format, loadTexts} from '../static/js/i18n.js';
import {isNotice, problemOf, replaceProblems} from '../static/js/problem.js';
import {cardOf} from '../static/js/ui/problems.js';

const CODES = [
  ['insecure', 'join-without'],
  ['blocked', 'retry-devices'],
  ['dismissed', 'retry-devices'],
  ['system', 'retry-devices'],
  ['missing', 'join', 'retry-devices'],
  ['busy', 'retry-devices'],
  ['embedded', 'open-tab'],
  ['gone', 'dismiss'],
  ['switched', 'dismiss'],
  ['unsupported', 'join-without'],
  ['webrtc', 'copy-link'],
  ['other', 'retry-devices'],
];

/** Without both devices there is no other one to join with. */
const withoutBoth = (action) => (action === 'join' ? 'join-without' : action);

for (const language of ['en', 'zh']) {
  const texts = await loadTexts(language);
  const t = (key, parameters) => format(texts, key, parameters);

  for (const [code, ...actions] of CODES) {
    test(`${language}: ${code} has a title, a sentence and an action for each kind of device`, () => {
      const titles = new Set();
      for (const kind of ['audio', 'video', 'both']) {
        const {title, text, remedies} = cardOf({kind, code}, {joined: false, single: true}, t);
        titles.add(title);
        assert.doesNotMatch(title + text, /[{}]/);
        assert.match(text, /[.。]$/);
        assert.ok(title.length > 3 && text.length > 5);
        const expected = kind === 'both' ? actions.map(withoutBoth) : actions;
        assert.deepEqual(
          remedies.map(({action}) => action),
          expected,
        );
        for (const remedy of remedies) assert.ok(t(remedy.text));
      }
      // Only what is about the page or the browser is the same for all.
      const general = ['insecure', 'embedded', 'unsupported', 'webrtc'];
      assert.equal(titles.size, general.includes(code) ? 1 : 3);
    });

    test(`${language}: in a call ${code} offers nothing but to try again`, () => {
      const {remedies} = cardOf({kind: 'video', code}, {joined: true, single: true}, t);
      assert.ok(remedies.every(({action}) => action === 'retry-devices'));
      assert.equal(remedies.length > 0, actions.includes('retry-devices'));
    });
  }
}

test('nobody is told to join with a device that does not work either', async () => {
  const texts = await loadTexts('en');
  const card = cardOf(
    {kind: 'video', code: 'missing'},
    {joined: false, single: false},
    (key) => texts[key],
  );
  assert.deepEqual(
    card.remedies.map(({action}) => action),
    ['join-without', 'retry-devices'],
  );
});

test('something thrown that is no error is still a problem', () => {
  assert.deepEqual(problemOf(undefined, 'audio', ''), {kind: 'audio', code: 'other'});
});

test('a new problem replaces those of its kind, and two with one cause are one', () => {
  const [audio, video] = ['audio', 'video'].map((kind) => ({kind, code: 'busy'}));
  assert.deepEqual(replaceProblems([], ['audio', 'video'], [video, audio]), [
    {kind: 'both', code: 'busy'},
  ]);
  assert.deepEqual(replaceProblems([{kind: 'both', code: 'busy'}], ['audio'], []), [video]);
  assert.deepEqual(replaceProblems([audio], ['video'], [{kind: 'video', code: 'gone'}]), [
    audio,
    {kind: 'video', code: 'gone'},
  ]);
  assert.deepEqual(replaceProblems([{kind: 'both', code: 'busy'}], ['audio', 'video'], []), []);
});

test('a device that was replaced needs nothing to be done', () => {
  assert.deepEqual(
    CODES.map(([code]) => code).filter((code) => isNotice({kind: 'audio', code})),
    ['gone', 'switched'],
  );
});
