// Who follows an account, asked of a server page by page.
import { z } from 'zod';

const page = z.array(z.object({ id: z.string() }));
const limit = 80;

/** Ids of accounts. Rejects, with what can be done about it, when the server does not tell. */
export async function followersOf(url: string, token: string, account: string): Promise<string[]> {
  const ids: string[] = [];
  let next: string | undefined = `${url}/api/v1/accounts/${account}/followers?limit=${limit}`;
  while (next !== undefined) {
    const answer: Response = await fetch(next, { headers: { authorization: `Bearer ${token}` } }).catch(
      (error: Error) => {
        const why = error.cause instanceof Error ? error.cause.message : error.message;
        throw new Error(`${url} does not answer (${why}): is the server running, is the port right?`);
      },
    );
    if (!answer.ok)
      throw new Error(
        `${url} does not tell who follows ${account} (HTTP ${answer.status})${advice(answer.status)}.`,
      );
    ids.push(...page.parse(await answer.json()).map(({ id }) => id));
    const link: string | undefined = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    next = link === undefined ? undefined : new URL(new URL(link).pathname + new URL(link).search, url).href;
  }
  return ids;
}

function advice(status: number): string {
  if (status === 401)
    return ': the tokens are not valid there, make new ones with "murmuration token --handles FILE"';
  if (status === 429)
    return ': its rate limit; start it with --rate-limit 0 for a measurement, or give --no-check';
  return ': --no-check does without';
}
