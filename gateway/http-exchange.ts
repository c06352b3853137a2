// One request on its way through: what an endpoint sees of it, and what the server must remember to answer it.
import type { Answer, Ask, RequestKind } from '../actors/messages.ts';
import type { Allowance, Answered, CoreClient } from '../cluster/core-client.ts';
import type { ApiRequest, Caller, Endpoint } from './endpoint.ts';
import { type Addresses, neighbourhoodOf } from './http-address.ts';
import { type Form, parseForm } from './http-form.ts';
import { Refusal } from './refusal.ts';

export interface Opening {
  id: string;
  method: string;
  path: string;
  query: string;
  headers: ReadonlyMap<string, string>;
  client: CoreClient;
  startedMs: number;
  /** The address at the other end of the connection; called when somebody wants to know, while the connection is there. */
  peer: () => string;
  addresses: Pick<Addresses, 'clientOf'>;
}

export class Exchange implements ApiRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly startedMs: number;
  params: Readonly<Record<string, string>> = {};
  caller: Caller | null = null;
  endpoint: Endpoint | null = null;
  /** Set once it is known: an endpoint never sees it empty. */
  origin = '';
  /** The client is gone: there is nobody to answer. */
  aborted = false;
  allowance: Allowance | null = null;
  /** The caller has asked more than allowed: whatever the endpoint made of it, the answer is 429. */
  limited = false;
  /** A call to the core has counted this request. */
  counted = false;

  readonly #query: string;
  readonly #headers: ReadonlyMap<string, string>;
  readonly #client: CoreClient;
  readonly #findPeer: () => string;
  readonly #addresses: Pick<Addresses, 'clientOf'>;
  #body: Form | null = null;
  #input: Form | null = null;
  #peer: string | null = null;
  #address: string | null = null;

  constructor(opening: Opening) {
    this.id = opening.id;
    this.method = opening.method;
    this.path = opening.path;
    this.startedMs = opening.startedMs;
    this.#query = opening.query;
    this.#headers = opening.headers;
    this.#client = opening.client;
    this.#findPeer = opening.peer;
    this.#addresses = opening.addresses;
  }

  /** Empty when the connection is gone. */
  get peer(): string {
    this.#peer ??= this.aborted ? '' : this.#findPeer();
    return this.#peer;
  }

  get ip(): string {
    this.#address ??= this.#addresses.clientOf(this.peer, this.header('x-forwarded-for') ?? '');
    return this.#address;
  }

  get neighbourhood(): string {
    return neighbourhoodOf(this.ip);
  }

  /** Throws a 400 when the query is no form: the server reads it before an endpoint does. */
  get input(): Form {
    this.#input ??= this.#read();
    return this.#input;
  }

  set body(form: Form) {
    this.#body = form;
    this.#input = null;
  }

  header(name: string): string | undefined {
    return this.#headers.get(name.toLowerCase());
  }

  async ask<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>> {
    const answered = await this.tryAsk(kind, ask);
    if (!answered.ok) throw new Refusal(answered.rejection);
    return answered.value;
  }

  async tryAsk<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answered<K>> {
    if (this.counted || this.caller === null) return this.#client.call(kind, ask);
    this.counted = true;
    const answered = await this.#client.call(kind, ask, { limitKey: this.caller.tokenId });
    if (answered.allowance !== undefined) this.allowance = answered.allowance;
    if (!answered.ok && answered.rejection.code === 'rate-limited') this.limited = true;
    return answered;
  }

  #read(): Form {
    const query = parseForm(this.#query);
    return this.#body === null ? query : Object.assign(Object.create(null), query, this.#body);
  }
}
