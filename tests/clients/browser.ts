// Somebody in front of a login page, as far as it can be done without a browser: reads the form, fills it in, goes where it leads.

export interface Typed {
  handle: string;
  password: string;
  /** Presses the other button. */
  deny?: boolean;
}

export interface Arrival {
  /** The page that asked. */
  page: string;
  status: number;
  /** Where the form led; null when it led to another page. */
  location: URL | null;
  /** From the address, or from the page that shows it. */
  code: string | null;
  /** That page. */
  body: string;
}

/** Opens the address that a client sends people to, and sends its form. Throws when there is no form to fill in. */
export async function logInAt(address: string, { handle, password, deny = false }: Typed): Promise<Arrival> {
  const opened = await fetch(address, { redirect: 'manual' });
  const page = await opened.text();
  const form = /<form method="post" action="([^"]+)">(.*?)<\/form>/s.exec(page);
  if (opened.status !== 200 || form === null)
    throw new Error(`no login page at ${address}: ${opened.status} ${page.slice(0, 500)}`);
  const fields = new URLSearchParams();
  for (const [input] of (form[2] ?? '').matchAll(/<input type="hidden"[^>]*>/g))
    fields.set(attribute(input, 'name'), attribute(input, 'value'));
  fields.set('handle', handle);
  fields.set('password', password);
  if (deny) fields.set('deny', '1');
  const answer = await fetch(new URL(unescaped(form[1] ?? ''), address), {
    method: 'POST',
    body: fields,
    redirect: 'manual',
  });
  const to = answer.headers.get('location');
  const location = to === null ? null : new URL(to);
  const body = await answer.text();
  const shown = /<code>([^<]+)<\/code>/.exec(body)?.[1] ?? null;
  return { page, status: answer.status, location, code: location?.searchParams.get('code') ?? shown, body };
}

function attribute(tag: string, name: string): string {
  return unescaped(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '');
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? '');
}
