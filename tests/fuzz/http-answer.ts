// What came back on a connection, read as HTTP/1.1 answers and held against what may be said.

export interface HttpAnswer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
  /** It ends with the connection, or never: no length was given. */
  isOpenEnded: boolean;
}

export interface Read {
  answers: HttpAnswer[];
  /** Bytes of an answer that is not there in full. */
  rest: Buffer;
}

/** Throws when the bytes are no answers at all. `isHead`: the first one has no body. */
export function readAnswers(bytes: Buffer, isHead: boolean): Read {
  const answers: HttpAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return { answers, rest };
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]+$/.exec(first)?.[1] ?? 0);
    if (status === 0) throw new Error(`no status line: ${JSON.stringify(first.slice(0, 200))}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const header = /^([A-Za-z0-9-]+): ?(.*)$/.exec(line);
      if (header === null) throw new Error(`no header: ${JSON.stringify(line.slice(0, 200))}`);
      headers.set((header[1] ?? '').toLowerCase(), header[2] ?? '');
    }
    const from = end + 4;
    const isInterim = status < 200;
    const given = Number(headers.get('content-length') ?? Number.NaN);
    const isBodiless = isInterim || status === 204 || status === 304 || (isHead && answers.length === 0);
    const isOpenEnded = !isBodiless && Number.isNaN(given);
    const length = isBodiless ? 0 : isOpenEnded ? rest.length - from : given;
    if (rest.length - from < length) return { answers, rest };
    if (!isInterim) answers.push({ status, headers, body: rest.subarray(from, from + length), isOpenEnded });
    rest = rest.subarray(from + length);
  }
}

/** Null when it may be said; else what is wrong with it. */
export function faultOfAnswer({ status, headers, body }: HttpAnswer): string | null {
  const isOurs = headers.has('x-request-id') || headers.has('access-control-allow-origin');
  // 505 and the like are the HTTP library's own words for a request line that is none.
  if (status >= 500 && status !== 503 && (isOurs || status !== 505)) return `an answer of ${status}`;
  const type = headers.get('content-type') ?? '';
  if (!type.startsWith('application/json') || body.length === 0) return null;
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return `an answer of ${status} that is no JSON: ${body.subarray(0, 200).toString('latin1')}`;
  }
  if (status < 400) return null;
  const error = typeof said === 'object' && said !== null && 'error' in said ? said.error : null;
  return typeof error === 'string' && error !== ''
    ? null
    : `an answer of ${status} without an error: ${body.subarray(0, 200)}`;
}
