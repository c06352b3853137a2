// Mastodon.py: logs in by password, posts, pages, and listens to server-sent events. What it does is mastodon-py.py's part.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programOnPath } from '../../support/program.ts';
import { until } from '../../support/until.ts';
import { type Person, password, type Scene } from '../scene.ts';

/** What the script tells, one a line. */
interface Told {
  kind: string;
  [field: string]: unknown;
}

export function mastodonPyFlow(scene: () => Scene): void {
  let python: string;
  let home: string;
  let yann: Person;
  let zoe: Person;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    const found = programOnPath(['python3'], ['-c', 'import mastodon']);
    if (found === null)
      throw new Error(
        'No python3 on the PATH has Mastodon.py. On Debian: sudo apt-get install python3-mastodon',
      );
    python = found;
    home = await mkdtemp(join(tmpdir(), 'murmuration-python-'));
    [yann, zoe] = (await scene().people('yann', 'zoe')) as [Person, Person];
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  /** Runs a part of the script, as Yann. */
  function run(part: 'use' | 'listen') {
    const script = join(import.meta.dirname, 'mastodon-py.py');
    const child = spawn(python, ['-u', script, part, scene().url, 'yann', password], {
      env: { PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8' },
      cwd: home,
      timeout: 60_000,
    });
    children.push(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    const told = (): Told[] => {
      const lines = stdout.split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line));
    };
    return {
      child,
      ended,
      told,
      async next(kind: string): Promise<Told> {
        return until(
          () => {
            if (child.exitCode !== null) throw new Error(`the script ended: ${stderr}`);
            return told().find((one) => one.kind === kind);
          },
          { withinMs: 60_000, what: `${kind} (${stderr})` },
        );
      },
      stderr: () => stderr,
    };
  }

  test('logs in, posts with a key, reads on page by page, and is told what is wrong', async () => {
    for (let number = 0; number < 25; number++) await scene().post(zoe, `sheet ${number} #Sheets`);
    const used = run('use');
    expect([await used.ended, used.stderr()]).toEqual([0, '']);
    const [me, posted, paged, refused, unknown, streams] = used.told();
    expect(me).toEqual({ kind: 'me', acct: 'yann', id: yann.id, scopes: 'read write follow' });
    expect(posted).toMatchObject({
      kind: 'posted',
      content: '<p>from a script</p>',
      visibility: 'unlisted',
      spoiler_text: 'py',
      same: true,
      year: new Date().getUTCFullYear(),
    });
    expect(paged).toEqual({ kind: 'paged', pages: [10, 10, 5], distinct: 25, sorted: true });
    expect(refused).toMatchObject({
      kind: 'refused',
      status: 422,
      error: "Validation failed: Text can't be blank",
    });
    expect(unknown).toMatchObject({ kind: 'unknown', status: 404, error: 'Record not found' });
    expect(streams).toEqual({ kind: 'streams', healthy: true });
  });

  test('hears a post, its deletion and a mention by server-sent events', async () => {
    await scene().follow(yann, zoe);
    const listening = await scene().attached(() => run('listen'));
    const { id } = await scene().post(zoe, 'over the wire & far away');
    expect(await listening.next('update')).toEqual({
      kind: 'update',
      id,
      acct: 'zoe',
      content: '<p>over the wire &amp; far away</p>',
    });
    const gone = await fetch(`${scene().url}/api/v1/statuses/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${zoe.token}` },
    });
    expect(gone.status).toBe(200);
    expect(await listening.next('delete')).toEqual({ kind: 'delete', id });
    await scene().post(zoe, '@yann psst', { visibility: 'direct' });
    expect(await listening.next('notification')).toEqual({
      kind: 'notification',
      type: 'mention',
      acct: 'zoe',
    });
    expect(listening.stderr()).toBe('');
    listening.child.kill('SIGKILL');
    await listening.ended;
    await scene().deserted();
  });
}
