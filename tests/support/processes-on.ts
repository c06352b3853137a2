// The programs of releases that run on a data folder, whoever started them: read from the system, not from what an agent wrote down.
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessOn {
  pid: number;
  program: 'core' | 'gateway';
  release: string;
}

export function processesOn(data: string): ProcessOn[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      if (/\) [ZX] /.test(stat)) return [];
      const [, release = '', program] =
        /([^\0]*)\/(core|gateway)\.mjs\0/.exec(readFileSync(`/proc/${name}/cmdline`, 'latin1')) ?? [];
      const isOn = readFileSync(`/proc/${name}/environ`, 'latin1').includes(`"data":${JSON.stringify(data)}`);
      return isOn && (program === 'core' || program === 'gateway')
        ? [{ pid: Number(name), program, release }]
        : [];
    } catch {
      // Gone meanwhile.
      return [];
    }
  });
}
