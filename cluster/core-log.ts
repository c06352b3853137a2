// Where a core writes what an operator should know. A pino logger fits.

export interface CoreLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
