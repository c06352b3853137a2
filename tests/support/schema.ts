// Mastodon's shapes as an oracle: every answer of the API is held against them. The shapes are fixtures/mastodon-schemas.json.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const text = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'mastodon-schemas.json'), 'utf8');
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
formats.default(ajv);
ajv.addFormat('iso-639-1', /^[a-z]{2,3}(?:-[A-Za-z0-9]+)*$/);
ajv.addSchema(JSON.parse(text), 'mastodon');

/** What clients break without, though the schema lets it be absent: never missing, null when empty. */
const alwaysThere: Record<string, string[]> = {
  Account: ['url', 'last_status_at', 'discoverable'],
  CredentialAccount: ['url', 'last_status_at', 'discoverable', 'source', 'role'],
  Status: [
    'url',
    'in_reply_to_id',
    'in_reply_to_account_id',
    'reblog',
    'poll',
    'card',
    'language',
    'edited_at',
  ],
};
/** With a token, these too; without one, none of them. */
const viewersOwn = ['favourited', 'reblogged', 'muted', 'bookmarked', 'pinned', 'filtered'];

const validators = new Map<string, ValidateFunction>();

/** `Status`, or `Status[]` for a list of them. Throws with all that is wrong. */
export function checkShape(name: string, value: unknown): void {
  const plain = name.replace(/\[\]$/, '');
  if (plain !== name) {
    if (!Array.isArray(value))
      throw new Error(`expected a list of ${plain}, got ${JSON.stringify(value).slice(0, 300)}`);
    for (const entry of value) checkShape(plain, entry);
    return;
  }
  const validate = validatorOf(plain);
  if (!validate(value)) {
    throw new Error(
      `not a ${plain}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value, null, 1).slice(0, 3000)}`,
    );
  }
  for (const field of alwaysThere[plain] ?? []) {
    if (typeof value !== 'object' || value === null || !(field in value))
      throw new Error(`a ${plain} without ${field}`);
  }
}

/** Statuses at any depth have all that depends on the viewer, or (nobody is logged in) none of it. */
export function checkViewer(value: unknown, logged: boolean): void {
  if (typeof value !== 'object' || value === null) return;
  if ('reblogs_count' in value && 'content' in value) {
    for (const field of viewersOwn) {
      if (field in value !== logged) throw new Error(`a Status ${logged ? 'without' : 'with'} ${field}`);
    }
  }
  for (const inner of Object.values(value)) checkViewer(inner, logged);
}

function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const made = ajv.compile({ $ref: `mastodon#/components/schemas/${name}` });
  validators.set(name, made);
  return made;
}
