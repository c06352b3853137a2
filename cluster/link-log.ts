// Where links write what an operator should know. A pino logger fits.

export interface LinkLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}
