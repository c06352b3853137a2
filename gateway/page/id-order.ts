// The order of ids: decimal strings of any length that grow with time. Never numbers: they are wider than 53 bits.

export function isNewer(id: string, than: string): boolean {
  return id.length === than.length ? id > than : id.length > than.length;
}

/** For sort: newest first. */
export function newestFirst(a: { readonly id: string }, b: { readonly id: string }): number {
  if (a.id === b.id) return 0;
  return isNewer(a.id, b.id) ? -1 : 1;
}
