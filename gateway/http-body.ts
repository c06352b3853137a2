// A request's body, once it is there in full, as named values: JSON, urlencoded, multipart or nothing. Collecting it is http-exchange.ts's part.
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { ApiError } from './endpoint.ts';
import { addField, type Form, parseForm } from './http-form.ts';

/** A larger body is refused with 413. */
export const mostBodyBytes = 256 * 1024;
const mostParts = 200;

/** A file among the fields of a multipart form: its content is not kept, for there is nothing that takes files yet. */
export class UploadedFile {
  bytes = 0;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const empty: Form = Object.freeze(Object.create(null));

/** Rejects with an `ApiError` 400 that says what is wrong with the bytes, 415 for a type nobody asked for. */
export async function parseBody(bytes: Uint8Array, contentType: string): Promise<Form> {
  if (bytes.length === 0) return empty;
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (type === 'multipart/form-data') return parseMultipart(bytes, contentType);
  if (type === 'application/json' || type.endsWith('+json')) return parseJson(textOf(bytes));
  if (type === 'application/x-www-form-urlencoded') return parseForm(textOf(bytes).trim());
  // fetch() sends a string without a declared type as text/plain; some clients declare nothing.
  if (type === '' || type === 'text/plain') {
    const text = textOf(bytes).trim();
    return text.startsWith('{') ? parseJson(text) : parseForm(text);
  }
  throw new ApiError(415, 'The body must be JSON, a urlencoded form or a multipart form');
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ApiError(400, 'The body is not valid UTF-8');
  }
}

function parseJson(text: string): Form {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError(400, 'The body is not valid JSON');
  }
  if (!isRecord(value)) throw new ApiError(400, 'The body must be a JSON object');
  return value;
}

function isRecord(value: unknown): value is Form {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseMultipart(bytes: Uint8Array, contentType: string): Promise<Form> {
  return new Promise((resolve, reject) => {
    const form: Form = Object.create(null);
    const refuse = (reason: string): void => reject(new ApiError(400, reason));
    let parser: BusboyInstance;
    try {
      parser = new Busboy({
        headers: { 'content-type': contentType },
        limits: {
          fields: mostParts,
          files: 8,
          parts: mostParts,
          fieldNameSize: 200,
          fieldSize: mostBodyBytes,
        },
      });
    } catch {
      refuse('The multipart form has no boundary');
      return;
    }
    const add = (name: string | undefined, value: unknown): void => {
      // The parser's types promise a name; a part whose headers have none comes without.
      if (name === undefined) {
        refuse('A part of the form has no name');
        return;
      }
      try {
        addField(form, name, value);
      } catch (error) {
        reject(error);
      }
    };
    parser.on('field', (name, value) => {
      if (typeof value !== 'string' || value.includes('\uFFFD')) refuse('The form is not valid UTF-8');
      else add(name, value);
    });
    parser.on('file', (name, stream) => {
      const file = new UploadedFile();
      // A file that is cut off fails by itself, and nobody listening would end the process.
      stream.on('error', () => refuse('The multipart form is broken'));
      stream.on('data', (chunk: Uint8Array) => {
        file.bytes += chunk.length;
      });
      // An empty file field is what a browser sends for "no file chosen".
      stream.on('end', () => {
        if (file.bytes > 0) add(name, file);
      });
    });
    parser.on('partsLimit', () => refuse(`A form may have ${mostParts} parts at most`));
    parser.on('error', () => refuse('The multipart form is broken'));
    parser.on('finish', () => resolve(form));
    parser.end(bytes);
  });
}
