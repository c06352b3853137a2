// toot, as people type it: logged in by password and by code, and what it prints.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programOnPath } from '../../support/program.ts';
import { until } from '../../support/until.ts';
import { logInAt } from '../browser.ts';
import { type Person, password, type Scene } from '../scene.ts';

interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

const longestRunMs = 60_000;

export function tootFlow(scene: () => Scene): void {
  let path: string;
  let home: string;
  let host: string;
  let theo: Person;
  let ute: Person;
  const running = new Set<ChildProcess>();

  beforeAll(async () => {
    const found = programOnPath(['toot']);
    if (found === null) throw new Error('toot is not on the PATH. On Debian: sudo apt-get install toot');
    path = found;
    home = await mkdtemp(join(tmpdir(), 'murmuration-toot-'));
    host = new URL(scene().url).host;
    [theo, ute] = (await scene().people('theo', 'ute')) as [Person, Person];
  });

  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  function start(program: string, args: string[]): ChildProcess {
    // Its settings are kept in the home folder, and nobody's own may be touched.
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TERM: 'dumb' },
      cwd: home,
      timeout: longestRunMs,
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  function ended(child: ChildProcess): Promise<Run> {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk);
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  async function toot(args: string[], input = ''): Promise<Run> {
    const child = start(path, [...args, '--no-color']);
    child.stdin?.end(input);
    return ended(child);
  }

  /** What it prints when all goes well. */
  async function said(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await toot(args);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  }

  async function post(text: string, ...options: string[]): Promise<string> {
    const printed = await said('post', text, ...options);
    const id = /^Toot posted: \S+\/@theo\/(\d+)\n$/.exec(printed)?.[1];
    if (id === undefined) throw new Error(`toot printed: ${printed}`);
    return id;
  }

  test('logs in by password, and not by a wrong one', async () => {
    const logIn = (typed: string): Promise<Run> =>
      toot(['login_cli', '--instance', host, '--email', 'theo', '--disable-https'], typed);
    const wrong = await logIn('wrong horse');
    expect([wrong.code, wrong.stderr]).toEqual([1, 'Login failed\n']);
    const right = await logIn(password);
    expect([right.code, right.stderr]).toEqual([0, '']);
    expect(right.stdout).toContain('Successfully logged in');
    expect(await said('whoami')).toMatch(
      new RegExp(
        `^@theo \n\nID: ${theo.id}\nSince: \\d{4}-\\d\\d-\\d\\d\n\nFollowers: 0\nFollowing: 0\nStatuses: 0\n\n${scene().url}/@theo\n$`,
      ),
    );
  });

  test('logs in by a code that is copied from the page', async () => {
    const child = start(path, ['login', '--instance', host, '--disable-https', '--no-color']);
    const end = ended(child);
    let printed = '';
    child.stdout?.on('data', (chunk) => {
      printed += String(chunk);
    });
    // Not to be opened in a browser of this machine.
    child.stdin?.write('n\n');
    const address = await until(() => /^(http\S+\/oauth\/authorize\/\?\S+)$/m.exec(printed)?.[1], {
      withinMs: 60_000,
      what: 'the address of the login page',
    });
    const { code } = await logInAt(address, ute);
    child.stdin?.end(`${code}\n`);
    const { code: exit, stdout, stderr } = await end;
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Successfully logged in');
    expect(await said('auth')).toContain(`* ute@${host} ACTIVE`);
    await said('activate', `theo@${host}`);
  });

  test('posts, and shows the post in timelines, in threads and by search', async () => {
    const id = await post('hello from the terminal, @ute #Uteland');
    const reply = await post(
      'quietly answered',
      '--reply-to',
      id,
      '--visibility',
      'unlisted',
      '--spoiler-text',
      'careful',
    );
    expect(await scene().post(ute, 'a third voice', { in_reply_to_id: reply })).toBeDefined();

    const home_ = await said('timeline', '--once');
    expect(home_).toContain('hello from the terminal, @ute #Uteland');
    expect(home_).toMatch(new RegExp(`ID ${reply} +↲ In reply to ${id}`));
    expect(home_.indexOf(reply)).toBeLessThan(home_.indexOf(`ID ${id}`));
    const everybodys = await said('timeline', '--public', '--once');
    expect(everybodys).toContain(`ID ${id}`);
    // What is unlisted is not told to everybody.
    expect(everybodys).not.toContain(`ID ${reply}`);
    expect(await said('timeline', '--tag', 'uteland', '--once')).toContain(`ID ${id}`);

    const thread = await said('thread', reply);
    const places = ['hello from the terminal', 'quietly answered', 'a third voice'].map((text) =>
      thread.indexOf(text),
    );
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(await said('search', 'ute')).toMatch(/Accounts:\n\* @ute \n\nHashtags:\n#uteland\n/);
  });

  test('follows, marks and deletes', async () => {
    expect(await said('follow', 'ute')).toContain('You are now following ute');
    expect(await said('following', 'theo')).toBe('* @ute \n');
    expect(await said('whois', 'ute')).toContain('Followers: 1');
    const { id } = await scene().post(ute, 'mark me');
    expect(await said('favourite', id)).toContain('Status favourited');
    expect(await said('reblog', id)).toContain('Status reblogged');
    expect(await said('reblogged_by', id)).toContain('@theo');
    await scene().post(ute, 'are you there, @theo?');
    const told = await until(async () => {
      const printed = await said('notifications');
      return printed.includes('are you there') ? printed : null;
    });
    expect(told).toContain('ute mentioned you in');
    expect(await said('unfollow', 'ute')).toContain('You are no longer following ute');
    const own = await post('soon gone');
    expect(await said('delete', own)).toContain('Status deleted');
    expect(await toot(['thread', own])).toMatchObject({ code: 1, stderr: 'Record not found\n' });
  });

  test('pages through a timeline, none skipped and none twice', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 17; number++)
      ids.unshift((await scene().post(ute, `leaf ${number} #Leaves`)).id);
    // It asks whether to go on only in a terminal.
    const command = `${path} timeline --tag leaves --count 5 --no-color`;
    const child = start('script', ['--quiet', '--return', '--command', command, '/dev/null']);
    const end = ended(child);
    let printed = '';
    let answered = 0;
    child.stdout?.on('data', (chunk) => {
      printed += String(chunk);
      const questions = printed.split('Continue? [Y/n]').length - 1;
      for (; answered < questions; answered++) child.stdin?.write('y\n');
    });
    const { code } = await end;
    expect(printed).toContain("That's all folks.");
    expect(code).toBe(0);
    expect([...printed.matchAll(/ID (\d+)/g)].map(([, id]) => id)).toEqual(ids);
    expect(answered).toBe(4);
  });

  test('says what the server says when it is refused', async () => {
    const long = await toot(['post', 'x'.repeat(501)]);
    expect(long).toMatchObject({
      code: 1,
      stderr: 'Validation failed: Text is longer than the limit of 500 characters\n',
    });
    expect(await said('instance', host, '--disable-https')).toContain(
      'running Mastodon 4.2.0 (compatible; Murmuration',
    );
    expect(await said('logout', `theo@${host}`)).toContain('logged out');
  });
}
