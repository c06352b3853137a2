// What a post costs as cores are added: made of the rounds, less what the cluster uses when nobody posts. Measures nothing.
import type { LoadFigures, LoadRound, Role, Use } from './cluster-load.ts';
import { bytes, count, decimal, median, milliseconds } from './figures.ts';

/** Of one size of the cluster; medians of its rounds. */
export interface Costs {
  cores: number;
  messagesAPost: number;
  bytesAPost: number;
  linkMessagesAPost: number;
  linkBytesAPost: number;
  /** Microseconds, of all processes together. */
  cpuAPostUs: number;
  cpuADeliveryUs: number;
  cpuAPostOfUs: Record<Role, number>;
  deliveriesAPost: number;
  p50Us: number;
  p99Us: number;
  rest: Flow;
  /** What is above, with what is used at rest in it. */
  load: Flow;
}

/** Between cores; of one processor. */
interface Flow {
  messagesASecond: number;
  bytesASecond: number;
  cpuShare: number;
}

export function costsOf({ cores, rest, rounds }: LoadFigures): Costs {
  const typical = (read: (round: LoadRound) => number): number => median(rounds.map(read));
  /** Beyond what would have been used in the same time at rest. */
  const more = (use: Use, read: (use: Use) => number): number =>
    read(use) - (read(rest) / rest.seconds) * use.seconds;
  const aPost = (read: (use: Use) => number): number => typical(({ use, posts }) => more(use, read) / posts);
  const cpuUs = ({ cpuSeconds }: Use): number => cpuSeconds * 1e6;
  return {
    cores,
    messagesAPost: aPost(({ wires }) => wires.messages),
    bytesAPost: aPost(({ wires }) => wires.bytes),
    linkMessagesAPost: aPost(({ links }) => links.messages),
    linkBytesAPost: aPost(({ links }) => links.bytes),
    cpuAPostUs: aPost(cpuUs),
    cpuADeliveryUs: typical(({ use, deliveries }) => more(use, cpuUs) / deliveries),
    cpuAPostOfUs: {
      agent: aPost(({ cpuOf }) => cpuOf.agent * 1e6),
      core: aPost(({ cpuOf }) => cpuOf.core * 1e6),
      gateway: aPost(({ cpuOf }) => cpuOf.gateway * 1e6),
    },
    deliveriesAPost: typical(({ deliveries, posts }) => deliveries / posts),
    p50Us: typical(({ latency }) => latency.p50Us),
    p99Us: typical(({ latency }) => latency.p99Us),
    rest: flowOf(rest),
    load: {
      messagesASecond: typical(({ use }) => flowOf(use).messagesASecond),
      bytesASecond: typical(({ use }) => flowOf(use).bytesASecond),
      cpuShare: typical(({ use }) => flowOf(use).cpuShare),
    },
  };
}

function flowOf({ wires, cpuSeconds, seconds }: Use): Flow {
  return {
    messagesASecond: wires.messages / seconds,
    bytesASecond: wires.bytes / seconds,
    cpuShare: cpuSeconds / seconds,
  };
}

/** A line for each figure, a column for each size. */
export function costRows(sizes: readonly Costs[]): [string, string][] {
  const row = (name: string, read: (costs: Costs) => string): [string, string] => [
    name,
    sizes.map((costs) => read(costs).padStart(12)).join(''),
  ];
  const flowRows = (when: string, of: (costs: Costs) => Flow): [string, string][] => [
    row(`${when}: messages between cores`, (costs) => `${decimal(of(costs).messagesASecond, 1)}/s`),
    row(`${when}: bytes between cores`, (costs) => `${bytes(of(costs).bytesASecond)}/s`),
    row(`${when}: CPU`, (costs) => `${decimal(of(costs).cpuShare * 100, 1)} %`),
  ];
  return [
    row('cores', ({ cores }) => String(cores)),
    row('messages a post, between cores', ({ messagesAPost }) => decimal(messagesAPost, 1)),
    row('bytes a post, between cores', ({ bytesAPost }) => bytes(bytesAPost)),
    row('messages a post, to and from gateways', ({ linkMessagesAPost }) => decimal(linkMessagesAPost, 1)),
    row('bytes a post, to and from gateways', ({ linkBytesAPost }) => bytes(linkBytesAPost)),
    row('CPU a post', ({ cpuAPostUs }) => `${count(cpuAPostUs)} us`),
    row('  of it cores', ({ cpuAPostOfUs }) => `${count(cpuAPostOfUs.core)} us`),
    row('  of it gateways', ({ cpuAPostOfUs }) => `${count(cpuAPostOfUs.gateway)} us`),
    row('CPU a delivery', ({ cpuADeliveryUs }) => `${decimal(cpuADeliveryUs, 1)} us`),
    row('author to follower, p50', ({ p50Us }) => milliseconds(p50Us)),
    row('author to follower, p99', ({ p99Us }) => milliseconds(p99Us)),
    ...flowRows('at rest', ({ rest }) => rest),
    ...flowRows('under this load', ({ load }) => load),
  ];
}

export function costFigures(sizes: readonly Costs[]): Record<string, number[]> {
  const list = (read: (costs: Costs) => number): number[] => sizes.map(read);
  return {
    cores: list(({ cores }) => cores),
    messagesAPost: list(({ messagesAPost }) => messagesAPost),
    bytesAPost: list(({ bytesAPost }) => bytesAPost),
    linkMessagesAPost: list(({ linkMessagesAPost }) => linkMessagesAPost),
    linkBytesAPost: list(({ linkBytesAPost }) => linkBytesAPost),
    cpuAPostUs: list(({ cpuAPostUs }) => cpuAPostUs),
    cpuAPostOfCoresUs: list(({ cpuAPostOfUs }) => cpuAPostOfUs.core),
    cpuAPostOfGatewaysUs: list(({ cpuAPostOfUs }) => cpuAPostOfUs.gateway),
    cpuADeliveryUs: list(({ cpuADeliveryUs }) => cpuADeliveryUs),
    p50Us: list(({ p50Us }) => p50Us),
    p99Us: list(({ p99Us }) => p99Us),
    restMessagesASecond: list(({ rest }) => rest.messagesASecond),
    restBytesASecond: list(({ rest }) => rest.bytesASecond),
    restCpuShare: list(({ rest }) => rest.cpuShare),
    loadMessagesASecond: list(({ load }) => load.messagesASecond),
    loadBytesASecond: list(({ load }) => load.bytesASecond),
    loadCpuShare: list(({ load }) => load.cpuShare),
  };
}
