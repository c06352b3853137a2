// Which endpoint a method and a path belong to. Pure; what the endpoints do is theirs.
import type { Endpoint } from './endpoint.ts';

export type Match =
  | { kind: 'found'; endpoint: Endpoint; params: Readonly<Record<string, string>> }
  /** The path is known, the method is not: these are. */
  | { kind: 'wrong-method'; allowed: string[] }
  | { kind: 'unknown' };

export interface Routes {
  /** `path` as it came, percent-encoded; a slash at its end does not matter. HEAD finds what GET does. */
  match(method: string, path: string): Match;
}

interface Node {
  children: Map<string, Node>;
  /** What matches any part: `:id`. */
  any: Node | null;
  endpoints: Map<string, Endpoint>;
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});
const unknown: Match = { kind: 'unknown' };
const mostParts = 12;

/** Throws when two endpoints have the same method and pattern. */
export function createRoutes(endpoints: readonly Endpoint[]): Routes {
  const root = newNode();
  const plain = new Map<string, Node>();
  for (const endpoint of endpoints) {
    const node = nodeOf(root, partsOf(endpoint.path));
    if (node.endpoints.has(endpoint.method)) {
      throw new Error(`Two endpoints for ${endpoint.method} ${endpoint.path}`);
    }
    node.endpoints.set(endpoint.method, endpoint);
    if (!endpoint.path.includes(':')) plain.set(endpoint.path, node);
  }
  return {
    match(method, path) {
      const exact = plain.get(path);
      if (exact !== undefined) return matchAt(exact, method, null);
      const parts = partsOf(path);
      if (parts.length > mostParts) return unknown;
      const node = find(root, parts, 0);
      return node === null ? unknown : matchAt(node, method, parts);
    },
  };
}

function matchAt(node: Node, method: string, parts: string[] | null): Match {
  const endpoint = node.endpoints.get(method === 'HEAD' ? 'GET' : method);
  if (endpoint === undefined) return { kind: 'wrong-method', allowed: [...node.endpoints.keys()] };
  if (parts === null || !endpoint.path.includes(':')) return { kind: 'found', endpoint, params: noParams };
  const params: Record<string, string> = {};
  const names = partsOf(endpoint.path);
  for (const [index, name] of names.entries()) {
    if (!name.startsWith(':')) continue;
    const value = decoded(parts[index] ?? '');
    if (value === null) return unknown;
    params[name.slice(1)] = value;
  }
  return { kind: 'found', endpoint, params };
}

/** A literal part goes before `:id`; where it leads nowhere, `:id` is tried. */
function find(node: Node, parts: string[], at: number): Node | null {
  const part = parts[at];
  if (part === undefined) return node.endpoints.size > 0 ? node : null;
  const literal = node.children.get(part);
  const found = literal === undefined ? null : find(literal, parts, at + 1);
  if (found !== null || node.any === null || part === '') return found;
  return find(node.any, parts, at + 1);
}

function nodeOf(root: Node, parts: string[]): Node {
  let node = root;
  for (const part of parts) {
    if (part.startsWith(':')) {
      node.any ??= newNode();
      node = node.any;
    } else {
      const child = node.children.get(part) ?? newNode();
      node.children.set(part, child);
      node = child;
    }
  }
  return node;
}

function newNode(): Node {
  return { children: new Map(), any: null, endpoints: new Map() };
}

function partsOf(path: string): string[] {
  const parts = path.split('/');
  parts.shift();
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

function decoded(part: string): string | null {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
