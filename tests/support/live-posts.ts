// Posts that keep coming while something happens, and a follower's socket that is to hear each of them.
import { openStream, type StreamClient } from '../gateway/stream-client.ts';
import { follow, postSafely, postsOf, type SignedUp, signUp } from './people.ts';
import { until } from './until.ts';

export interface LivePosts {
  author: SignedUp;
  follower: SignedUp;
  stream: StreamClient;
  /** Ids of posts that the server said were safe. */
  acknowledged: string[];
  /** A post made after this was called is safe. */
  another(): Promise<void>;
  /** No more posts; then checks that all that were safe are there, and came to the open socket, each once. */
  finish(url: string): Promise<{ lost: string[]; unheard: string[]; twice: string[]; isOpen: boolean }>;
}

export async function startPosts(url: string, name: string): Promise<LivePosts> {
  const [author, follower] = await Promise.all([signUp(url, `${name}_a`), signUp(url, `${name}_f`)]);
  await follow(url, follower, author);
  const query = `?stream=user&access_token=${follower.token}&since=`;
  const stream = await openStream({ url: url.replace('http', 'ws'), query });
  await stream.next('where it starts', () => true);
  const acknowledged: string[] = [];
  let isOver = false;
  const posting = (async () => {
    for (let count = 0; !isOver; count++) acknowledged.push(await postSafely(url, author, `post ${count}`));
  })();
  // Of a test that has failed already; `finish` says it otherwise.
  posting.catch(() => {});
  const another = async (): Promise<void> => {
    const before = acknowledged.length;
    // The one under way may have been made before.
    await until(() => acknowledged.length >= before + 2, { withinMs: 60_000, what: 'another post' });
  };
  await another();
  return {
    author,
    follower,
    stream,
    acknowledged,
    another,
    async finish(now) {
      isOver = true;
      await posting;
      const isAllHeard = (): boolean => {
        const heard = new Set(heardBy(stream));
        return acknowledged.every((id) => heard.has(id));
      };
      // Nothing more comes to one that is closed.
      const isDone = (): boolean => stream.closed() !== null || isAllHeard();
      await until(isDone, { withinMs: 20_000, what: 'all to be heard' }).catch(() => {});
      const there = new Set(await postsOf(now, author));
      const heard = heardBy(stream);
      const hearings = new Map<string, number>();
      for (const id of heard) hearings.set(id, (hearings.get(id) ?? 0) + 1);
      return {
        lost: acknowledged.filter((id) => !there.has(id)),
        unheard: acknowledged.filter((id) => !hearings.has(id)),
        twice: acknowledged.filter((id) => (hearings.get(id) ?? 0) > 1),
        isOpen: stream.closed() === null,
      };
    },
  };
}

/** Ids of statuses, in the order in which they came. */
export function heardBy({ frames }: StreamClient): string[] {
  return frames.flatMap(({ event, payload = '{}' }) =>
    event === 'update' ? [String(JSON.parse(payload).id)] : [],
  );
}
