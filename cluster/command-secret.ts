// A secret that somebody types, or that stands in the environment or in standard input. It is shown nowhere.
import { CommandFault } from './command-fault.ts';

export interface SecretAsked {
  /** What stands before the cursor. */
  name: string;
  /** The environment variable that may hold it instead; null: none. */
  variable: string | null;
  /** A new one is typed twice. */
  twice: boolean;
}

const mostCharacters = 1_000;

/** Empty when nothing was given. Throws a `CommandFault` when it is too long, typed wrongly, or when Ctrl-C was typed. */
export async function askSecret(asked: SecretAsked): Promise<string> {
  const given = asked.variable === null ? undefined : process.env[asked.variable];
  if (given !== undefined) return bounded(given);
  return process.stdin.isTTY ? await typed(asked) : await firstLine();
}

async function firstLine(): Promise<string> {
  let read = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    read += chunk;
    if (read.includes('\n') || read.length > mostCharacters) break;
  }
  return bounded(read.split(/\r?\n/, 1)[0] ?? '');
}

/** Without showing it. */
async function typed({ name, twice }: SecretAsked): Promise<string> {
  const first = bounded(await hidden(`${name}: `));
  if (twice && first !== (await hidden('Once more: '))) {
    throw new CommandFault('The two passwords differ: nothing is changed.');
  }
  return first;
}

function bounded(password: string): string {
  if (password.length <= mostCharacters) return password;
  throw new CommandFault(`A password has at most ${mostCharacters} characters: nothing is changed.`);
}

function hidden(prompt: string): Promise<string> {
  const { stdin } = process;
  // Silent first: what is typed as soon as the question stands there must not be shown.
  stdin.setRawMode(true);
  process.stderr.write(prompt);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write('\n');
    };
    const take = (chunk: string): void => {
      for (const key of chunk) {
        switch (key) {
          case '\r':
          case '\n':
            end();
            resolve(line);
            return;
          case '\u0003':
          case '\u0004':
            end();
            reject(new CommandFault('Nothing is changed.'));
            return;
          case '\u007f':
          case '\b':
            line = [...line].slice(0, -1).join('');
            break;
          default:
            line += key;
        }
      }
    };
    stdin.on('data', take);
  });
}
