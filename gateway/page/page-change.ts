// Whether the server shows another page by now than the one that is open here.
import { createStore } from './store.ts';

export const isPageChanged = createStore(false);

/** As the server wrote it into this page; empty when it wrote none. */
const ownId = document.querySelector<HTMLMetaElement>('meta[name=page]')?.content ?? '';

/** The server shows the page of this id. */
export function heardOfPage(id: string): void {
  isPageChanged.set(ownId !== '' && id !== ownId);
}

/** Who is logged in stays so, and drafts are kept. */
export function showNewPage(): void {
  location.reload();
}
