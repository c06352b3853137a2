// Forms as Mastodon's clients send them: `a=1&b[]=2&c[d]=3`, raw or percent-encoded. Pure; where the text comes from is http-body.ts's part.
import { ApiError } from './endpoint.ts';

/** Values by name. Nothing of it is checked: strings, lists and records of them. */
export type Form = Record<string, unknown>;

const mostFields = 1000;
const deepest = 5;
const steps = /\[([^\]]*)\]/gy;

/** Throws a 400 for text that is no form: bad escapes, too many fields, too deep a nesting. */
export function parseForm(text: string): Form {
  const form: Form = Object.create(null);
  if (text === '') return form;
  const fields = text.split('&');
  if (fields.length > mostFields) throw new ApiError(400, `A form may have ${mostFields} fields at most`);
  for (const field of fields) {
    if (field === '') continue;
    const equals = field.indexOf('=');
    const name = equals === -1 ? field : field.slice(0, equals);
    addField(form, unescaped(name), equals === -1 ? '' : unescaped(field.slice(equals + 1)));
  }
  return form;
}

/** Adds one field to a form: its name may be nested (`source[privacy]`, `ids[]`). Throws a 400 when it is nested too deep. */
export function addField(form: Form, name: string, value: unknown): void {
  const opening = name.indexOf('[');
  if (opening <= 0) {
    form[name] = value;
    return;
  }
  const path = nestedPath(name, opening);
  if (path === null) form[name] = value;
  else put(form, name.slice(0, opening), path, value);
}

/** The steps inside brackets; null when the name only looks nested. */
function nestedPath(name: string, opening: number): string[] | null {
  const path: string[] = [];
  steps.lastIndex = opening;
  let end = opening;
  for (let found = steps.exec(name); found !== null; found = steps.exec(name)) {
    path.push(found[1] ?? '');
    end = steps.lastIndex;
    if (path.length > deepest) throw new ApiError(400, `Fields may be nested ${deepest} deep at most`);
  }
  return end === name.length ? path : null;
}

function put(record: Form, name: string, path: string[], value: unknown): void {
  const [next, ...rest] = path;
  if (next === undefined) {
    record[name] = value;
  } else if (next === '') {
    const list = asList(record[name]);
    record[name] = list;
    append(list, rest, value);
  } else {
    const inner = asForm(record[name]);
    record[name] = inner;
    put(inner, next, rest, value);
  }
}

/** `a[][name]` begins a new record whenever the last one already has that name. */
function append(list: unknown[], path: string[], value: unknown): void {
  const [next, ...rest] = path;
  if (next === undefined || next === '') {
    list.push(value);
    return;
  }
  const last = list.at(-1);
  const open = isForm(last) && !(next in last) ? last : null;
  const record = open ?? Object.create(null);
  put(record, next, rest, value);
  if (open === null) list.push(record);
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function asForm(value: unknown): Form {
  return isForm(value) ? value : Object.create(null);
}

function isForm(value: unknown): value is Form {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unescaped(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new ApiError(400, 'The form is not valid UTF-8 in percent-encoding');
  }
}
