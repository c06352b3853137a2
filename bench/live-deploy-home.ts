// What a client of `bench live-deploy` does that is told to read anew: it reads its home, from the newest post back to one that it knows.
const pageOf = 40;
/** Most of a home there is (README, Limits). */
const mostPages = 20;

export interface HomeOf {
  /** HOST:PORT. */
  target: string;
  token: string;
}

/** Pages of it as they were answered, the newest first. Throws when one is refused. */
export async function* homePages({ target, token }: HomeOf): AsyncGenerator<string> {
  let from = '';
  for (let page = 0; page < mostPages; page++) {
    const response = await fetch(`http://${target}/api/v1/timelines/home?limit=${pageOf}${from}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`a home was answered with ${response.status}`);
    const statuses = JSON.parse(body) as { id: string }[];
    const last = statuses.at(-1);
    if (last === undefined) return;
    yield body;
    from = `&max_id=${last.id}`;
  }
}
