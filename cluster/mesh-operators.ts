// What operators ask of the cluster: done by this core, or by the one that has the keeper's key. Also the way of newcomers to the keeper.
import type { Outcome } from '../runtime/behaviours.ts';
import { contactsMost, type InviteContact } from './invite.ts';
import { type Keeper, readKeeperNow, successorOf } from './keeper.ts';
import type { Manifest } from './manifest.ts';
import { doCommand, readCommand } from './mesh-commands.ts';
import { guestCommand } from './mesh-guest-command.ts';
import { MeshKeeper } from './mesh-keeper.ts';
import type { ManifestHeld } from './mesh-manifest.ts';
import type { MemberEntry } from './mesh-messages.ts';
import type { CorePlace, SwapOrder } from './mesh-ports.ts';
import type { MeshReleases } from './mesh-releases.ts';
import { keepersAmong } from './mesh-status.ts';
import { sameBytes } from './packed.ts';
import { rejected } from './rejection.ts';
import type { RingChange } from './ring-keeper.ts';
import type { WirePeer } from './wire-end.ts';
import type { WireLog } from './wire-meter.ts';

/** The file is read at every so many looks. */
const looksForKey = 10;

export interface MeshOperatorsOptions {
  node: number;
  data: string;
  log: WireLog;
  held: ManifestHeld;
  /** The key that was in DATA when it was last looked at. */
  keeper: Keeper | null;
  ringChange(): RingChange | null;
  /** Of all processes that are known, this one's too. */
  entries(): MemberEntry[];
  cores(): CorePlace[];
  /** Asks the core of a node over its link; null when there is none. */
  ask(node: number, json: string): Promise<Outcome<string>> | null;
  status(): object;
  ring(): object;
  deploys: MeshReleases;
  /** Runs the behaviours of a release folder from now on. */
  swap(order: SwapOrder): Promise<Outcome<string>>;
}

export class MeshOperators {
  readonly #options: MeshOperatorsOptions;
  readonly #keeping: MeshKeeper;
  #keeper: Keeper | null;
  #looks = 0;

  constructor(options: MeshOperatorsOptions) {
    this.#options = options;
    this.#keeper = options.keeper;
    this.#keeping = new MeshKeeper({
      keeper: () => this.#readKeeper(),
      successor: (keeper) => successorOf(keeper, options.data),
      manifest: options.held,
      wallMs: Date.now,
      ringChange: options.ringChange,
    });
  }

  /** The key that signs for the cluster is in this node's DATA. */
  get hasKeeper(): boolean {
    return this.#keeper !== null && sameBytes(this.#keeper.publicKey, this.#manifest.keeper);
  }

  /** Never rejects. `isLast`: it goes no further than this core. */
  async command(json: string, { isLast }: { isLast: boolean }): Promise<Outcome<string>> {
    const { status, ring, deploys } = this.#options;
    try {
      return await doCommand(
        json,
        { isLast },
        {
          keeper: this.#keeping,
          // The key alone says so: who else may claim to have it keeps nobody from signing.
          isKeeper: async () => (await this.#readKeeper()) !== null,
          forward: (command) => this.#forward(command),
          manifest: () => this.#manifest,
          contacts: () => this.#contacts(),
          status,
          ring,
          deploys,
        },
      );
    } catch (error) {
      return rejected('unavailable', error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Over a link: other cores may, and operators. Those of a machine that may have no core do only what concerns their machine: whoever
   * has all of a core's commands can become a core, and have every account's secrets.
   */
  async commandOf({ hello, publicKey }: WirePeer, json: string): Promise<Outcome<string>> {
    if (hello.role === 'core') return await this.command(json, { isLast: true });
    if (hello.role === 'agent' && hello.node === this.#options.node) return await this.#agents(json);
    if (hello.role !== 'operator')
      return rejected('forbidden', `commands are for operators, not for a ${hello.role}`);
    const member = this.#manifest.members.find(({ key }) => sameBytes(key, publicKey));
    if (member === undefined) return rejected('forbidden', 'this machine is no member of the cluster');
    if (member.roles.includes('core')) return await this.command(json, { isLast: false });
    const allowed = guestCommand(json, { node: member.node, manifest: this.#manifest });
    return allowed.ok ? await this.command(allowed.value, { isLast: false }) : allowed;
  }

  /** Of this machine's own agent. */
  async #agents(json: string): Promise<Outcome<string>> {
    const read = readCommand(json);
    if (!read.ok) return read;
    if (read.value.do !== 'swap') return rejected('forbidden', 'an agent can only have behaviours changed');
    return await this.#options.swap(read.value);
  }

  /** To be called now and then: ends a change of the ring when it is time, and notices when the key has come or gone. */
  async look(): Promise<void> {
    try {
      if (this.#looks++ % looksForKey === 0) await this.#readKeeper();
      await this.#keeping.look();
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'the keeper’s key cannot be used');
    }
  }

  get #manifest(): Manifest {
    return this.#options.held.current.manifest;
  }

  /** To whoever says that it has the key. One that has it no more does nothing, and the next one is asked. */
  async #forward(json: string): Promise<Outcome<string>> {
    const { node: self, entries, ask } = this.#options;
    let last: Outcome<string> = rejected(
      'unavailable',
      'no core that can be reached has the keeper’s key: start its machine, or bring the key here with "murmuration keeper import"',
    );
    for (const node of keepersAmong(entries())) {
      if (node === self) continue;
      const asked = ask(node, json);
      last =
        asked === null
          ? rejected('unavailable', `the keeper (node ${node}) cannot be reached from here`)
          : await asked;
      if (last.ok || last.rejection.code !== 'unavailable') return last;
    }
    return last;
  }

  /** Asked for anew: it may have been brought here or taken away. */
  async #readKeeper(): Promise<Keeper | null> {
    this.#keeper = await readKeeperNow(this.#options.data, this.#manifest.keeper);
    return this.hasKeeper ? this.#keeper : null;
  }

  /** This core first: it has just been asked, so it is there. */
  #contacts(): InviteContact[] {
    const { node, cores } = this.#options;
    return cores()
      .sort((one, other) => Number(other.node === node) - Number(one.node === node))
      .flatMap(({ addresses }) => addresses)
      .slice(0, contactsMost)
      .map(({ host, port }) => ({ host, linkPort: port, dhtPort: port }));
  }
}
