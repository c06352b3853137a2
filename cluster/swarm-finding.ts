// Asks where peers are: often while something lacks, rarely afterwards, never twice at once.
import type { LinkLog } from './link-log.ts';
import type { SwarmAddress } from './swarm-order.ts';

const oftenMs = 400;
const rarelyMs = 30_000;

export interface FindingPorts {
  find(): Promise<readonly SwarmAddress[]>;
  found(addresses: readonly SwarmAddress[]): void;
  log: LinkLog;
}

export class Finding {
  readonly #ports: FindingPorts;
  #isUnderWay = false;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(ports: FindingPorts) {
    this.#ports = ports;
  }

  look(nowMs: number, { isWhole }: { isWhole: boolean }): void {
    if (this.#isUnderWay || nowMs - this.#askedAtMs < (isWhole ? rarelyMs : oftenMs)) return;
    this.#isUnderWay = true;
    this.#askedAtMs = nowMs;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    try {
      this.#ports.found(await this.#ports.find());
    } catch (error) {
      this.#ports.log.info({ error: String(error) }, 'no peers were found');
    }
    this.#isUnderWay = false;
  }
}
