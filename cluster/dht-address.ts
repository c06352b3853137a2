// Where something is that a DHT can name: an IPv4 address and a port.

export interface DhtAddress {
  host: string;
  port: number;
}

/** BEP 5's form: four bytes and two. */
export const compactBytes = 6;

/** Null for what is no IPv4 address and port. */
export function compactAddress({ host, port }: DhtAddress): Buffer | null {
  const parts = host.split('.').map(Number);
  const isHost =
    parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256);
  if (!isHost || !Number.isInteger(port) || port < 1 || port > 65_535) return null;
  return Buffer.from([...parts, port >> 8, port & 255]);
}
