// What somebody types to sign up: read, and checked as far as a gateway can. Whether a handle is free is the core's to say.
import { countGraphemes } from '../actors/text.ts';
import type { Rejection } from '../runtime/behaviours.ts';
import { handleForm } from '../runtime/handle.ts';
import type { ApiResponse } from './endpoint.ts';
import { type Input, readBool, readText } from './input.ts';

export interface SignUp {
  handle: string;
  password: string;
}

/** One thing that is wrong with one field, as Mastodon's ValidationError has it. */
export interface Fault {
  field: 'username' | 'password' | 'agreement';
  error:
    | 'ERR_BLANK'
    | 'ERR_INVALID'
    | 'ERR_TOO_LONG'
    | 'ERR_TOO_SHORT'
    | 'ERR_TAKEN'
    | 'ERR_RESERVED'
    | 'ERR_ACCEPTED';
  description: string;
}

const longestHandle = 30;
export const shortestPassword = 8;
export const longestPassword = 1000;

/** Handles that would be taken for the server's own voice. */
const reserved = new Set(
  'abuse admin administrator contact help hostmaster info mod moderator murmuration noreply official postmaster root security staff support sysadmin system webmaster'.split(
    ' ',
  ),
);

const words: Record<Fault['field'], string> = {
  username: 'Username',
  password: 'Password',
  agreement: 'Service agreement',
};

export function readSignUp(input: Input): { signUp: SignUp; faults: Fault[] } {
  const handle = (readText(input, 'username') ?? '').trim();
  const password = readText(input, 'password') ?? '';
  const faults = [...faultsOfHandle(handle), ...faultsOfPassword(password)];
  if (readBool(input, 'agreement') !== true) {
    faults.push({ field: 'agreement', error: 'ERR_ACCEPTED', description: 'must be accepted' });
  }
  return { signUp: { handle, password }, faults };
}

function faultsOfHandle(handle: string): Fault[] {
  const field = 'username';
  if (handle === '') return [{ field, error: 'ERR_BLANK', description: "can't be blank" }];
  if (handle.length > longestHandle) {
    return [
      { field, error: 'ERR_TOO_LONG', description: `is too long (maximum is ${longestHandle} characters)` },
    ];
  }
  if (!handleForm.test(handle)) {
    return [
      { field, error: 'ERR_INVALID', description: 'must contain only letters, numbers and underscores' },
    ];
  }
  return reserved.has(handle.toLowerCase())
    ? [{ field, error: 'ERR_RESERVED', description: 'is reserved' }]
    : [];
}

function faultsOfPassword(password: string): Fault[] {
  const field = 'password';
  if (password === '') return [{ field, error: 'ERR_BLANK', description: "can't be blank" }];
  if (password.length > longestPassword) {
    return [
      { field, error: 'ERR_TOO_LONG', description: `is too long (maximum is ${longestPassword} characters)` },
    ];
  }
  if (countGraphemes(password) >= shortestPassword) return [];
  return [
    {
      field,
      error: 'ERR_TOO_SHORT',
      description: `is too short (minimum is ${shortestPassword} characters)`,
    },
  ];
}

/** What the core said, when it is about a field; null when it is about something else. */
export function faultOfRejection({ code, message }: Rejection): Fault | null {
  if (code === 'taken')
    return { field: 'username', error: 'ERR_TAKEN', description: 'has already been taken' };
  if (code !== 'invalid') return null;
  return /password/i.test(message)
    ? {
        field: 'password',
        error: 'ERR_TOO_SHORT',
        description: `is too short (minimum is ${shortestPassword} characters)`,
      }
    : {
        field: 'username',
        error: 'ERR_INVALID',
        description: 'must contain only letters, numbers and underscores',
      };
}

export function sayFaults(faults: readonly Fault[]): string {
  return faults.map(({ field, description }) => `${words[field]} ${description}`).join(', ');
}

/** 422 in the form of Mastodon's ValidationError. */
export function faultsAnswer(faults: readonly Fault[]): ApiResponse {
  const details: Record<string, { error: string; description: string }[]> = {};
  for (const { field, error, description } of faults) {
    const list = details[field] ?? [];
    details[field] = list;
    list.push({ error, description });
  }
  const value = { error: `Validation failed: ${sayFaults(faults)}`, details };
  return { status: 422, headers: {}, body: { kind: 'json', value } };
}
