// `murmuration import`: a graph from a file or made up, texts from files or made up, through a core, and a report.
import { Command } from 'commander';
import { z } from 'zod';
import { openDataFolder } from './agent-data-folder.ts';
import { withCores } from './command-cores.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions, usageFault, whole } from './command-options.ts';
import { count, showProgress } from './command-progress.ts';
import { directionOf } from './import-direction.ts';
import { filesAt, isBinary, readLines } from './import-file.ts';
import { best, type Graph, pairStore, targetsOf } from './import-graph.ts';
import { readPairs } from './import-pairs.ts';
import { textsFrom } from './import-posts.ts';
import { type ImportPlan, type ImportReport, runImport, type Tally } from './import-run.ts';
import { readTexts, type TextsRead } from './import-texts.ts';
import { sampleGraph } from './sample-graph.ts';
import { samplePeople } from './sample-people.ts';
import { sampleTexts } from './sample-texts.ts';

const importOptions = z.object({
  data: folderText,
  follows: z.string().min(1).optional(),
  texts: z.string().min(1).optional(),
  accounts: whole(1, 50_000_000).optional(),
  mutual: z.boolean().optional(),
  directed: z.boolean().optional(),
  posts: whole(0, 100),
  sample: whole(1, 1_000_000).optional(),
  seed: z.string().max(200),
  today: z.iso
    .date('must be a day such as 2026-01-31')
    .optional()
    .transform((day) => (day === undefined ? Date.now() : Date.parse(day))),
  release: folderText.optional(),
});
type ImportOptions = z.infer<typeof importOptions>;

export function importCommand(): Command {
  const command = new Command('import')
    .description(
      'bring in people, follows and posts from files, or made-up ones. Running it again changes nothing',
    )
    .addOption(dataOption())
    .addOption(
      option(
        '--follows <FILE>',
        'who follows whom: pairs of names or numbers, as CSV, TSV or with spaces; gzip or not',
      ),
    )
    .addOption(
      option(
        '--texts <PATH>',
        'what they post: a file with a text a line or a fortune file, or a folder of them',
      ),
    )
    .addOption(option('--accounts <N>', 'only the N best connected people, and the follows among them'))
    .addOption(
      option('--mutual', 'each pair is a follow in both directions (default: what the file says of itself)'),
    )
    .addOption(option('--directed', 'the first of each pair follows the second'))
    .addOption(option('--posts <N>', 'how many texts a person posts, on average', '5'))
    .addOption(option('--sample <N>', 'in place of files: N made-up people with follows and posts'))
    .addOption(option('--seed <TEXT>', 'another seed makes another sample', '1'))
    .addOption(
      option('--today <DAY>', 'import as if on this day, for the same ids everywhere (default: today)'),
    )
    .addOption(option('--release <DIR>', 'without a running server, use this built release'))
    .addHelpText('after', importHelp);
  return command.action(async () => {
    const options = readOptions(command, importOptions);
    if ((options.follows === undefined) === (options.sample === undefined)) {
      throw usageFault(command, 'give either --follows FILE or --sample N');
    }
    if (options.sample !== undefined && (options.texts ?? options.accounts) !== undefined) {
      throw usageFault(command, '--sample brings its own people and texts: leave --texts and --accounts out');
    }
    if (options.mutual === true && options.directed === true) {
      throw usageFault(command, 'a pair is either --mutual or --directed');
    }
    await runCommand(options);
  });
}

const importHelp = `
A number N becomes the handle uN. Accounts have no password until "murmuration passwd" sets one. Which way the pairs of a
file point is taken from its comments, its header, or pairs named both ways, and is printed. Posts lie in the 30 days before
the first import, and are given only to people an import has made: who has signed up keeps their own words.`;

async function runCommand(options: ImportOptions): Promise<void> {
  const plan =
    options.sample === undefined ? await planFromFiles(options) : planSample(options, options.sample);
  const data = openDataFolder(options.data);
  const progress = showProgress('facts');
  const report = await withCores({ data, command: 'import', release: options.release }, async (core) => {
    try {
      return await runImport(core, plan, {
        todayMs: options.today,
        onProgress: (now) => progress.update(now),
      });
    } finally {
      progress.end();
    }
  });
  console.log(print(report));
}

function planSample({ seed, posts }: ImportOptions, size: number): ImportPlan {
  const people = samplePeople(size, seed);
  const graph = sampleGraph(
    people.map(({ handle }) => handle),
    seed,
  );
  console.log(`Sample: ${count(size)} people, ${count(graph.targets.length)} follows (seed ${seed}).`);
  return {
    graph,
    meanPosts: posts,
    displayNameOf: (account) => people[account]?.displayName ?? '',
    textsOf(account) {
      const handle = graph.handles[account] ?? '';
      const friends = Array.from(targetsOf(graph, account), (target) => graph.handles[target] ?? '');
      return sampleTexts({ handle, friends, seed });
    },
  };
}

async function planFromFiles(options: ImportOptions): Promise<ImportPlan> {
  const graph = await readGraph(options);
  const texts = options.texts === undefined ? null : await readAllTexts(options.texts);
  return {
    graph,
    meanPosts: options.posts,
    displayNameOf: null,
    textsOf: texts === null ? null : (account) => textsFrom(texts, graph.handles[account] ?? ''),
  };
}

async function readGraph({ follows = '', mutual, directed, accounts }: ImportOptions): Promise<Graph> {
  const store = pairStore();
  const read = await readPairs(readLines(follows), store.add);
  const { repeated, reversed } = store.close();
  const wanted = mutual === true ? 'mutual' : directed === true ? 'directed' : null;
  const direction = directionOf({ wanted, read, reversed });
  const whole = store.graph(direction);
  const leftOut = [
    [read.bad, 'bad'],
    [store.selfFollows, 'of people who follow themselves'],
    [repeated, 'there twice'],
  ] as const;
  const left = leftOut.filter(([lines]) => lines > 0).map(([lines, what]) => `${count(lines)} ${what}`);
  console.log(
    `${follows}: ${count(read.lines)} lines, ${count(whole.handles.length)} people, ${count(whole.targets.length)} follows${left.length > 0 ? `; left out: ${left.join(', ')}` : ''}.`,
  );
  for (const { number, text } of read.badLines)
    console.log(`  line ${number} is no pair: ${JSON.stringify(text)}`);
  if (whole.handles.length === 0) throw new CommandFault(`There is not one pair of names in ${follows}.`);
  console.log(
    `  Taken so: ${direction.why}.${wanted === null ? ' (--mutual or --directed decides otherwise.)' : ''}`,
  );
  if (accounts === undefined || accounts >= whole.handles.length) return whole;
  const chosen = best(whole, accounts);
  console.log(`  The ${count(accounts)} best connected: ${count(chosen.targets.length)} follows among them.`);
  return chosen;
}

async function readAllTexts(path: string): Promise<string[]> {
  const read: TextsRead = { texts: [], tooLong: 0, unreadable: 0 };
  const files = await filesAt(path);
  let used = 0;
  for (const file of files) {
    if (await isBinary(file)) continue;
    await readTexts(readLines(file), read);
    used++;
  }
  if (read.texts.length === 0)
    throw new CommandFault(`There is no text of at most 500 characters in ${path}.`);
  console.log(
    `${path}: ${count(read.texts.length)} texts from ${count(used)} files; left out: ${count(read.tooLong)} over 500 characters, ${count(read.unreadable)} not in UTF-8.`,
  );
  return read.texts;
}

function print(report: ImportReport): string {
  const { accounts, follows, posts, ownWords, seconds } = report;
  const facts = accounts.made + follows.made + posts.made;
  const row = (name: string, tally: Tally): string => {
    const before = tally.asked - tally.made - tally.refused;
    const cells = [tally.asked, tally.made, before, tally.refused].map((value) => count(value).padStart(12));
    return `  ${name.padEnd(10)}${cells.join('')}`;
  };
  const rate = count(Math.round(facts / Math.max(seconds, 0.001)));
  return [
    `  ${''.padEnd(10)}${['in all', 'new', 'were there', 'refused'].map((head) => head.padStart(12)).join('')}`,
    row('accounts', accounts),
    row('follows', follows),
    row('posts', posts),
    `${count(facts)} new facts in ${seconds.toFixed(1)} s, ${rate} a second.`,
    ...(ownWords > 0 ? [`${count(ownWords)} people had signed up by themselves and got no posts.`] : []),
  ].join('\n');
}
