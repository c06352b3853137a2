// Entries of a record as lines for people: when, who, through which gateway, what, and what came of it.
import type { Answer, Deed, Entry, Page, Shown, Streamed } from './record.ts';

/** More of a page than its newest and the rest's number is too long for a line. */
const mostShown = 4;

/** One line; times in seconds since `zeroMs`. */
export function entryLine(entry: Entry, zeroMs: number): string {
  const at = (ms: number) => ((ms - zeroMs) / 1000).toFixed(3).padStart(9);
  switch (entry.kind) {
    case 'asked': {
      const took = `+${Math.round(entry.endedMs - entry.beganMs)} ms`;
      return `${at(entry.beganMs)} ${took.padEnd(10)} ${entry.who} via ${entry.via}: ${deedText(entry.deed)} -> ${answerText(entry.answer)}`;
    }
    case 'streamed':
      return `${at(entry.atMs)}            ${entry.who} via ${entry.via}, socket ${entry.socket}: ${eventText(entry.event)}`;
    case 'harmed':
      return `${at(entry.atMs)}            ==== ${entry.text} ${entry.phase}`;
    case 'gaveUp':
      return `${at(entry.atMs)}            ${entry.who} gives up: ${deedText(entry.deed)}, tried since ${at(entry.sinceMs).trim()}`;
    case 'found':
      return `${at(entry.atMs)}            ${entry.who} via ${entry.via} at the end: ${foundText(entry.what)}`;
  }
}

export function deedText(deed: Deed): string {
  switch (deed.do) {
    case 'signUp':
      return `sign up as ${deed.handle}`;
    case 'post':
      return `post ${deed.key}`;
    case 'delete':
      return `delete ${deed.id}`;
    case 'follow':
    case 'unfollow':
    case 'block':
    case 'unblock':
      return `${deed.do} ${deed.target}`;
    case 'readHome':
      return 'read home';
    case 'readAuthor':
      return `read the page of ${deed.target}`;
    case 'readStatus':
      return `read status ${deed.id}`;
    case 'readRelation':
      return `read the relation to ${deed.target}`;
  }
}

function answerText(answer: Answer): string {
  switch (answer.kind) {
    case 'refused':
      return `${answer.status} ${answer.reason}`;
    case 'none':
      return `no answer (${answer.why})`;
    case 'done':
      break;
  }
  const { got } = answer;
  switch (got.kind) {
    case 'nothing':
    case 'token':
      return 'done';
    case 'post':
      return `id ${got.id}, created ${new Date(got.createdMs).toISOString()}`;
    case 'page':
      return pageText(got.page);
    case 'relation':
      return `following ${got.following}, blocking ${got.blocking}`;
  }
}

function pageText({ posts, hasMore, throughMs }: Page): string {
  const through = throughMs === null ? '' : `, complete through ${new Date(throughMs).toISOString()}`;
  return `${postsText(posts)}${hasMore ? ', and more below' : ''}${through}`;
}

function postsText(posts: readonly Shown[]): string {
  const first = posts.slice(0, mostShown).map(({ id, author, key }) => `${author} ${key} ${id}`);
  return `${posts.length} posts [${first.join('; ')}${posts.length > mostShown ? '; ...' : ''}]`;
}

function eventText(event: Streamed['event']): string {
  switch (event.kind) {
    case 'opening':
      return event.since === '' ? 'opens' : `opens with cursor ${event.since}`;
    case 'closed':
      return `closed ${event.code} ${event.reason}`.trimEnd();
    case 'start':
      return 'starts';
    case 'update':
      return `update ${event.shown.author} ${event.shown.key} ${event.shown.id}`;
    case 'deleted':
      return `delete ${event.id}`;
    case 'resync':
      return 'resync';
    case 'other':
      return event.name;
  }
}

function foundText(what: Extract<Entry, { kind: 'found' }>['what']): string {
  switch (what.kind) {
    case 'home':
      return `home, ${postsText(what.posts)}`;
    case 'author':
      return `page of ${what.target}, ${postsText(what.posts)}`;
    case 'relations':
      return `follows ${what.following.join(' ')}; blocks ${what.blocking.join(' ')}`;
  }
}
