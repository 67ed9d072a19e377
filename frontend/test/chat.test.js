import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Chat} from '../static/js/chat.js';
import {decodeCtl, encodeCtl} from '../static/js/ctl_messages.js';

/** One end of a chat, with the messages that it has sent. */
class End {
  sent = [];
  changes = 0;
  passes = true;
  pair = {polite: false, chatSeen: 0};
  #key = 0;
  #id = -1;
  chat = new Chat({
    nextKey: () => ++this.#key,
    nextID: () => (this.#id += 2),
    now: () => 1000,
    onchange: () => this.changes++,
  });

  tell = (message) => {
    if (this.passes) this.sent.push(message);
    return this.passes;
  };

  get texts() {
    return this.chat.entries.map(({from, text, state}) => [from, text, state]);
  }

  connect() {
    this.chat.connect(this.pair, this.tell);
    return this;
  }
}

const hear = (end, id, text) => end.chat.receive({type: 'chat', id, text, at: 5});

test('a text is sent, and then delivered', () => {
  const end = new End().connect();
  assert.ok(end.chat.say(' hello '));
  assert.deepEqual(end.sent, [{type: 'chat', id: 1, text: 'hello', at: 1000}]);
  assert.deepEqual(end.texts, [['own', 'hello', 'sent']]);
  const [before] = end.chat.entries;
  end.chat.receive({type: 'got', id: 1});
  assert.deepEqual(end.texts, [['own', 'hello', 'delivered']]);
  assert.notEqual(end.chat.entries[0], before); // So that what shows it can compare.
  const {changes} = end;
  for (const id of [1, 2, 99]) end.chat.receive({type: 'got', id});
  assert.equal(end.changes, changes);
});

test('a text of the other side is confirmed each time and shown once', () => {
  const end = new End().connect();
  for (const [id, text] of [
    [2, 'one'],
    [4, 'two'],
    [4, 'two'],
    [2, 'one, changed'],
  ])
    hear(end, id, text);
  assert.deepEqual(
    end.sent.map(({type, id}) => [type, id]),
    [2, 4, 4, 2].map((id) => ['got', id]),
  );
  assert.deepEqual(end.texts, [
    ['other', 'one', ''],
    ['other', 'two', ''],
  ]);
  assert.equal(end.chat.unread, 2);
  end.chat.read();
  assert.equal(end.chat.unread, 0);
  hear(end, 6, ' \n ');
  assert.equal(end.chat.entries.length, 2); // There is nothing to show.
});

test('after a reconnect, what was not confirmed is sent again, unchanged and in order', () => {
  const end = new End().connect();
  end.chat.say('one');
  end.chat.say('two');
  end.chat.receive({type: 'got', id: 1});
  end.passes = false;
  end.chat.say('three');
  assert.deepEqual(
    end.texts.map(([, , state]) => state),
    ['delivered', 'sent', 'waiting'],
  );
  end.passes = true;
  end.sent = [];
  end.connect();
  assert.deepEqual(
    end.sent.map(({id, text}) => [id, text]),
    [
      [3, 'two'],
      [5, 'three'],
    ],
  );
  assert.deepEqual(
    end.texts.map(([, , state]) => state),
    ['delivered', 'sent', 'sent'],
  );
});

test('what one page has not confirmed goes to no other page', () => {
  const end = new End().connect();
  end.chat.say('secret');
  end.chat.part();
  assert.deepEqual(end.texts, [['own', 'secret', 'failed']]);
  assert.equal(end.chat.accepts, false);
  assert.equal(end.chat.say('into the void'), false);
  end.pair = {polite: false, chatSeen: 0};
  end.sent = [];
  end.connect();
  assert.deepEqual(end.sent, []);
  end.chat.noteNewcomer();
  end.chat.sayAgain(end.chat.entries[0].key);
  assert.deepEqual(end.texts, [
    ['newcomer', '', ''],
    ['own', 'secret', 'sent'],
  ]);
  assert.deepEqual(
    end.sent.map(({id}) => id),
    [3],
  );
});

test('history and what waits are limited', () => {
  const end = new End().connect();
  for (let i = 0; i < 60; i++) end.chat.say(`own ${i}`);
  assert.equal(end.chat.entries.length, 50);
  for (let i = 1; i <= 1000; i++) hear(end, 2 * i, `other ${i}`);
  const {entries} = end.chat;
  assert.equal(entries.length, 500);
  assert.equal(entries.filter(({state}) => state === 'sent').length, 50); // They may have to be sent again.
  assert.equal(entries.at(-1).text, 'other 1000');
  assert.deepEqual(
    entries.map(({key}) => key),
    entries.map(({key}) => key).sort((a, b) => a - b),
  );
});

test('every text that is sent is one that receivers take', () => {
  const end = new End().connect();
  for (const text of ['👍'.repeat(4000), '"\\'.repeat(2000), '\u202eabc', '\ud800', '<script>'])
    assert.ok(end.chat.say(text), text.slice(0, 20));
  for (const message of end.sent) assert.deepEqual(decodeCtl(encodeCtl(message)), message);
  assert.equal(end.chat.say('👍'.repeat(4001)), false);
  assert.equal(end.chat.say(' \u0000 '), false);
});

test('another call begins with nothing', () => {
  const end = new End().connect();
  end.chat.say('one');
  hear(end, 2, 'two');
  end.chat.clear();
  assert.deepEqual([end.texts, end.chat.unread, end.chat.accepts], [[], 0, false]);
});
