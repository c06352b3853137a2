// The metrics of a gateway as they come in at a core: checked, and named by their machine where that is another one.
import { z } from 'zod';

const label = z.union([z.string(), z.number()]);
const value = z.looseObject({ value: z.number(), labels: z.record(z.string(), label) });
/** As prom-client gives them: a sum over processes needs to know how they are added up. */
const metric = z.looseObject({
  name: z.string().regex(/^[a-zA-Z_:][\w:]*$/),
  help: z.string(),
  type: z.enum(['counter', 'gauge', 'histogram', 'summary']),
  aggregator: z.enum(['sum', 'first', 'min', 'max', 'average', 'omit']),
  values: z
    .array(z.unknown())
    .transform((values) => values.flatMap((one) => value.safeParse(one).data ?? [])),
});
export type GatewayMetric = z.infer<typeof metric>;

/**
 * `machine`: null for this one. Two machines call their gateways by the same names, so that without it their figures would be added up.
 * What is no metric, or no number, is left out: a gateway of another release may say more than is known here.
 */
export function gatewayMetrics(said: unknown, machine: string | null): GatewayMetric[] {
  if (!Array.isArray(said)) return [];
  const metrics = said.flatMap((one: unknown) => metric.safeParse(one).data ?? []);
  if (machine === null) return metrics;
  return metrics.map((one) => ({
    ...one,
    values: one.values.map((each) => ({ ...each, labels: { ...each.labels, machine } })),
  }));
}
