// What the browser remembers for this page between visits. Where it refuses to (private windows), it lasts as long as the page.

const prefix = 'murmuration.';
const fallback = new Map<string, string>();

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(prefix + name) ?? fallback.get(name) ?? null;
  } catch {
    return fallback.get(name) ?? null;
  }
}

/** Null forgets it. */
export function remember(name: string, value: string | null): void {
  if (value === null) fallback.delete(name);
  else fallback.set(name, value);
  try {
    if (value === null) localStorage.removeItem(prefix + name);
    else localStorage.setItem(prefix + name, value);
  } catch {
    // Full or forbidden: the fallback has it.
  }
}

/** JSON, decoded by whoever asks; undefined when there is none or it is broken. */
export function rememberedJson(name: string): unknown {
  const text = remembered(name);
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Calls back when another tab changes this. */
export function watchMemory(name: string, changed: () => void): void {
  window.addEventListener('storage', (event) => {
    if (event.key === prefix + name || event.key === null) changed();
  });
}
