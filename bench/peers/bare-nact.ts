// The peer in `actors`: nact and nothing else. Stateful actors directly under the system, as in ours.
import { dispatch, query, type Ref, spawn, start } from 'nact';
import { serveRounds } from '../actors-round.ts';

type Count = { sender?: Ref<number> };

await serveRounds({
  async counting(actors) {
    const system = start();
    let handled = 0;
    const all = Array.from({ length: actors }, (_, name) =>
      spawn(
        system,
        (state: number, message: Count) => {
          handled++;
          if (message.sender) dispatch(message.sender, state);
          return state + 1;
        },
        `a${name}`,
        { initialState: 0 },
      ),
    );
    const of = (actor: number): Ref<Count> => {
      const found = all[actor];
      if (!found) throw new RangeError('no such actor');
      return found;
    };
    // nact draws 32-bit numbers for queries: of millions, now and then two have the same, and one is never answered.
    const ask = (actor: number): Promise<unknown> =>
      query(of(actor), (sender: Ref<number>) => ({ sender }), 1_000).catch(() => ask(actor));
    return {
      tell: (actor) => dispatch(of(actor), {}),
      ask,
      get handled() {
        return handled;
      },
    };
  },
  shapes: {
    async empty(users) {
      const system = start();
      const all = Array.from({ length: users }, (_, name) =>
        spawn(system, (state: number) => state, `a${name}`),
      );
      await new Promise(setImmediate);
      return { system, all };
    },
    /** Plain arrays: followees as numbers, the timeline as strings of which each user holds its own list. */
    async filled(users) {
      const system = start();
      const ids = Array.from(
        { length: 10_000 },
        (_, place) => `${1_700_000_000_000 + place}${'0'.repeat(20)}`,
      );
      const all = Array.from({ length: users }, (_, name) => {
        const followees = Array.from(
          { length: 120 },
          (_unused, place) => ((name * 7 + place * 13) % users) + 2 ** 40,
        );
        const timeline = Array.from(
          { length: 100 },
          (_unused, place) => ids[(name + place * 89) % ids.length],
        );
        return spawn(system, (state: object) => state, `a${name}`, { initialState: { followees, timeline } });
      });
      await new Promise(setImmediate);
      return { system, all };
    },
  },
});
