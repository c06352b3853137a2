// A gauge that is read when somebody asks for it.
import { Gauge, type Registry } from 'prom-client';

/** Without the prefix that all names have. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: `murmuration_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
