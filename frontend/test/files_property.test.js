import assert from 'node:assert/strict';
import {test} from 'node:test';
import {quiet, until} from './fakes.js';
import {connect, fileOf, pair} from './talk_ends.js';

const MIB = 1 << 20;

/** Returns numbers below a limit, the same ones for the same seed. */
function random(seed) {
  let x = seed;
  return (limit) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * limit);
  };
}

const settled = ({state}) => ['done', 'refused', 'stopped', 'failed'].includes(state);

/** Takes or refuses what is offered, and now and then stops something. */
function act(end, next) {
  for (const transfer of end.files.list) {
    if (!transfer.own && transfer.state === 'offered' && transfer.place) {
      if (next(8) === 0) end.files.stop(transfer.key);
      else void end.files.take(transfer.key);
    } else if (!settled(transfer) && next(40) === 0) end.files.stop(transfer.key);
  }
}

for (let seed = 1; seed <= 8; seed++) {
  test(`files survive connections that are rebuilt at any moment, seed ${seed}`, async () => {
    const next = random(seed);
    const {ann, bo} = pair();
    for (const end of [ann, bo]) {
      const sizes = Array.from({length: 1 + next(6)}, () => next(3 * MIB));
      end.files.offer(sizes.map((size, i) => fileOf(size, `${i}`)));
      end.conversation.chat.say('one');
    }
    for (let cuts = 0; cuts < 15; cuts++) {
      await quiet(next(6));
      act(ann, next);
      act(bo, next);
      await quiet(next(6));
      if (next(3) === 0) ann.conversation.chat.say(`${cuts}`);
      connect(ann, bo);
    }
    const all = () => [...ann.files.list, ...bo.files.list];
    await until(() => {
      act(ann, () => 1);
      act(bo, () => 1);
      return all().every(settled);
    });
    await quiet(50);
    for (const [from, to] of [
      [ann, bo],
      [bo, ann],
    ]) {
      assert.equal(from.channel.readyState, 'open'); // Nobody broke a rule.
      const received = to.files.list.filter(({own}) => !own);
      for (const sent of from.files.list.filter(({own}) => own)) {
        const other = received.find(({offer}) => offer.id === sent.offer.id);
        // One that was stopped at the last moment may have arrived.
        if (sent.state === 'done') assert.equal(other.state, 'done');
        else assert.ok(['refused', 'stopped'].includes(sent.state), `${sent.state} ${sent.reason}`);
        if (other?.state !== 'done') continue;
        const [want, got] = [fileOf(sent.size), other.blob];
        assert.ok(
          Buffer.from(await got.arrayBuffer()).equals(Buffer.from(await want.arrayBuffer())),
        );
      }
      const said = from.conversation.chat.entries.filter((entry) => entry.from === 'own');
      const heard = to.conversation.chat.entries.filter((entry) => entry.from === 'other');
      assert.deepEqual(
        heard.map(({text}) => text),
        said.map(({text}) => text),
      );
      assert.ok(said.every(({state}) => state === 'delivered'));
    }
  });
}
