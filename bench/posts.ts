// The posts of a benchmark: texts that name their author, number and time, so that whoever receives one can check it.
// The load clients (load/*.c) read and write the same marker.
import type { PreparedRequest } from './load/requests.ts';
import type { Random } from './random.ts';

/** Replaced by http-load with the time a request was due: 16 digits of microseconds, as long as the placeholder. */
export const timePlaceholder = '{{time__micros}}';
/** Replaced by http-load with a count for each key: 9 digits. */
export const seqPlaceholder = '{{seq__}}';

const words = (
  'morning evening garden river window letter coffee winter summer silver copper bread market station harbour ' +
  'music paper bridge forest valley yellow orange violet candle mirror pocket ticket kitchen bicycle mountain ' +
  'weather island lantern feather cotton marble pepper basket blanket village meadow thunder compass anchor'
).split(' ');

/** Texts of one length, plain words: nothing in them is escaped on its way through JSON and HTML. */
export function makeTexts(howMany: number, characters: number, random: Random): string[] {
  return Array.from({ length: howMany }, () => {
    let text = '';
    while (text.length < characters) text += `${words[random.below(words.length)] ?? 'word'} `;
    return text.slice(0, characters).replace(/ $/, 's');
  });
}

/** The text of an author's post number `seq`; `time` is microseconds or the placeholder. */
export function postText(
  texts: readonly string[],
  post: { author: number; seq: number },
  time: string,
): string {
  return `qz${post.author}x${post.seq}x${time}zq ${texts[(post.author + post.seq) % texts.length]}`;
}

/** An author's next post, `seqs` being the number of the next one of each. */
export function nextPost(seqs: Uint32Array, author: number): Post {
  const seq = seqs[author] ?? 0;
  seqs[author] = seq + 1;
  return { author, seq };
}

/** The post as an author sends it, in its place in time among those of its author. */
export function postRequest(
  { texts, tokens }: { texts: readonly string[]; tokens: readonly string[] },
  post: Post,
): PreparedRequest {
  return {
    method: 'POST',
    path: '/api/v1/statuses',
    token: tokens[post.author] ?? '',
    key: post.author,
    body: JSON.stringify({ status: postText(texts, post, timePlaceholder) }),
  };
}

/** The same in ws-load.c. The sum over a set of posts tells, as good as surely, that it is exactly this set. */
export function hashPost(author: number, seq: number): bigint {
  const all = 0xffff_ffff_ffff_ffffn;
  let x = (BigInt(author) << 32n) | BigInt(seq);
  x ^= x >> 30n;
  x = (x * 0xbf58476d1ce4e5b9n) & all;
  x ^= x >> 27n;
  x = (x * 0x94d049bb133111ebn) & all;
  return x ^ (x >> 31n);
}

export interface Post {
  author: number;
  seq: number;
}

/** What each connection must have received: deliveries and sum of hashes, in pairs, as ws-load writes them. */
export function expectedPairs(
  connections: number,
  posts: readonly Post[],
  receiversOf: (author: number) => Iterable<number>,
): { pairs: BigUint64Array; deliveries: number } {
  const pairs = new BigUint64Array(connections * 2);
  let deliveries = 0;
  for (const { author, seq } of posts) {
    const hash = hashPost(author, seq);
    for (const receiver of receiversOf(author)) {
      const at = receiver * 2;
      pairs[at] = (pairs[at] ?? 0n) + 1n;
      pairs[at + 1] = (pairs[at + 1] ?? 0n) + hash;
      deliveries++;
    }
  }
  return { pairs, deliveries };
}

/** Connections that did not receive exactly what they should, in words; at most `most` of them. */
export function differences(expected: BigUint64Array, received: BigUint64Array, most = 5): string[] {
  const told: string[] = [];
  let more = 0;
  for (let at = 0; at < expected.length; at += 2) {
    if (expected[at] === received[at] && expected[at + 1] === received[at + 1]) continue;
    if (told.length === most) more++;
    else
      told.push(
        expected[at] === received[at]
          ? `connection ${at / 2} received other posts than it should`
          : `connection ${at / 2} received ${received[at]} of ${expected[at]}`,
      );
  }
  return more === 0 ? told : [...told, `and ${more} more`];
}
