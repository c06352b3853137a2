// How megalodon presents what a server refuses: the error of its HTTP library, with the answer inside.

export interface Refused {
  status: number;
  /** The server's words. */
  error: unknown;
  description: unknown;
}

/** What a call was refused with. Throws when it ends otherwise. */
export async function refusalOf(call: Promise<unknown>): Promise<Refused> {
  try {
    await call;
  } catch (error) {
    const response = error instanceof Error && 'response' in error ? error.response : null;
    if (!isAnswer(response)) throw error;
    const { status, data } = response;
    return { status, error: data['error'], description: data['error_description'] };
  }
  throw new Error('the call was not refused');
}

function isAnswer(value: unknown): value is { status: number; data: Record<string, unknown> } {
  return typeof value === 'object' && value !== null && 'status' in value && 'data' in value;
}
