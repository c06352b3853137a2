// Ours in `post`, in a process of its own: a core, and callers that publish through it.
import { z } from 'zod';
import { type CallersReport, callers } from './callers.ts';
import { type CoreUnderTest, openCoreUnderTest } from './core-under-test.ts';
import { peerOptions, serveCommands } from './peers/commands.ts';
import { makeTexts, postText } from './posts.ts';
import { type Put, writePuts } from './put-stream.ts';
import { seeded } from './random.ts';

const options = peerOptions(z.object({ authors: z.number(), seed: z.number() }));
const texts = makeTexts(64, 100, seeded(options.seed));

const command = z.object({
  kind: z.literal('round'),
  /** A new store is made there. */
  folder: z.string(),
  seconds: z.number(),
  /** Keep what was written there. */
  putsPath: z.optional(z.string()),
});

await serveCommands(command, round);

/** Posts for a time, closes the core, opens it again, and reads every acknowledged post back. */
async function round(asked: z.infer<typeof command>): Promise<CallersReport & { wrong: string[] }> {
  const puts: Put[] = [];
  let counting = false;
  const open = () =>
    openCoreUnderTest({
      folder: asked.folder,
      authors: options.authors,
      ...(asked.putsPath === undefined ? {} : { onPuts: (made) => counting && puts.push(...made) }),
    });
  const core = await open();
  const published = new Map<string, string>();
  const wrong: string[] = [];
  const seqs = new Uint32Array(options.authors);
  counting = true;
  const report = await callers(options.authors, asked.seconds, async (author) => {
    const seq = seqs[author] ?? 0;
    seqs[author] = seq + 1;
    const text = postText(
      texts,
      { author, seq },
      String(Math.round((performance.timeOrigin + performance.now()) * 1000)),
    );
    const id = await core.publish(author, text);
    if (published.has(id)) wrong.push(`the id ${id} was given twice`);
    published.set(id, text);
    return true;
  });
  counting = false;
  if (asked.putsPath !== undefined) writePuts(asked.putsPath, puts, published.size);
  await core.close();
  const again = await open();
  wrong.push(...(await differing(again, published)));
  await again.close();
  return { ...report, wrong: wrong.slice(0, 5) };
}

async function differing(core: CoreUnderTest, published: ReadonlyMap<string, string>): Promise<string[]> {
  const ids = [...published.keys()];
  const wrong: string[] = [];
  for (let from = 0; from < ids.length; from += 400) {
    const some = ids.slice(from, from + 400);
    const found = await core.texts(some);
    some.forEach((id, place) => {
      if (found[place] === null) wrong.push(`the post ${id} was acknowledged and is lost`);
      else if (found[place] !== published.get(id)) wrong.push(`the post ${id} has another text`);
    });
  }
  return wrong;
}
