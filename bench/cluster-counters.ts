// What cores count of their wires (to each other) and of their links (to gateways), read from their metrics.

export interface Traffic {
  /** Messages and bytes, each counted where it left. */
  messages: number;
  bytes: number;
}

export interface Counters {
  /** Between cores. A wire's bytes are counted at both ends: those sent are all there are. */
  wires: Traffic;
  /** Between cores and gateways, in both directions: counted at the cores. */
  links: Traffic;
}

/** The sum over the cores, each by the text it gave. Gateways' own counts in the same text are left out. */
export function countersOf(texts: readonly string[]): Counters {
  const sum = (name: string, events: string[]): number =>
    texts.reduce((all, text) => all + events.reduce((own, event) => own + value(text, name, event), 0), 0);
  const wires = 'murmuration_wire_events_total';
  const links = 'murmuration_link_events_total';
  return {
    wires: { messages: sum(wires, ['messages-out']), bytes: sum(wires, ['bytes-out']) },
    links: {
      messages: sum(links, ['messages-in', 'messages-out']),
      bytes: sum(links, ['bytes-in', 'bytes-out']),
    },
  };
}

/** Of the core's process; 0 when it has not counted that yet. */
function value(text: string, name: string, event: string): number {
  for (const line of text.split('\n')) {
    if (!line.startsWith(`${name}{`)) continue;
    if (!line.includes(`event="${event}"`) || !line.includes('process="core"')) continue;
    return Number(line.slice(line.lastIndexOf('}') + 1).trim());
  }
  return 0;
}

export function trafficBetween(before: Traffic, after: Traffic): Traffic {
  return { messages: after.messages - before.messages, bytes: after.bytes - before.bytes };
}
