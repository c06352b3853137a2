// `murmuration doctor`: which limits bind this machine, what they allow, how to raise each; as a question, whether it can hold so many. Only reads.
import { Command } from 'commander';
import { z } from 'zod';
import { gatewaysText, option, readOptions, whole } from './command-options.ts';
import { count } from './command-progress.ts';
import { type Diagnosis, diagnose, type Finding } from './doctor.ts';
import { gatewaysFor } from './gateway-number.ts';
import { machineFacts } from './machine-facts.ts';

const doctorOptions = z.object({
  gateways: gatewaysText.optional(),
  connections: whole(1, 1_000_000_000).optional(),
  json: z.boolean().optional(),
});

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'report the limits that bind this machine, what they allow, and how to raise each; changes nothing',
    )
    .addOption(
      option('--gateways <N>', 'with so many gateways, or auto (default: auto, or what --connections takes)'),
    )
    .addOption(
      option('--connections <N>', 'ask whether it can hold so many: exit code 1, with the reasons, if not'),
    )
    .addOption(option('--json', 'as JSON'));
  return command.action(() => {
    const { gateways, connections, json } = readOptions(command, doctorOptions);
    const facts = machineFacts();
    const diagnosis = diagnose(facts, {
      gateways: gateways === 'auto' ? gatewaysFor(facts.processors) : (gateways ?? null),
      connections: connections ?? null,
    });
    console.log(
      json === true
        ? JSON.stringify({ ...diagnosis, facts }, null, 2)
        : drawDiagnosis(diagnosis, connections ?? null),
    );
    if (diagnosis.reasons.length > 0) process.exitCode = 1;
  });
}

export function drawDiagnosis(diagnosis: Diagnosis, asked: number | null): string {
  const { gateways, connections, binds, findings, reasons } = diagnosis;
  const bounding = findings.filter(({ allows }) => allows !== null);
  bounding.sort((one, other) => (one.allows ?? 0) - (other.allows ?? 0));
  const others = findings.filter(({ allows }) => allows === null);
  const held =
    connections === null
      ? 'No limit is known here.'
      : `With ${gateways} ${gateways === 1 ? 'gateway' : 'gateways'} this machine can hold ${count(connections)} connections. What binds first: ${binds}.`;
  const lines = ['', ...bounding.map(boundLine), '', ...others.flatMap(otherLines)];
  const advised = [...bounding.slice(0, 2), ...others.filter(({ verdict }) => verdict === 'low')];
  return [
    held,
    ...(asked === null ? [] : ['', answerTo(asked, reasons)]),
    ...lines,
    '',
    'To raise:',
    ...advised.flatMap(({ limit, raise }) => [`  ${limit}`, ...raise.map((line) => `    ${line}`)]),
    '',
    'All of them: --json.',
  ].join('\n');
}

function answerTo(asked: number, reasons: readonly string[]): string {
  if (reasons.length === 0) return `It can hold ${count(asked)}.`;
  return [`It cannot hold ${count(asked)}:`, ...reasons.map((reason) => `  ${reason}`)].join('\n');
}

function boundLine({ limit, value, allows, means }: Finding): string {
  return `  ${count(allows ?? 0).padStart(11)}  ${limit}: ${value}\n${' '.repeat(15)}${means}`;
}

function otherLines({ limit, value, verdict, means }: Finding): string[] {
  return [`  ${verdict.padStart(11)}  ${limit}: ${value}`, `${' '.repeat(15)}${means}`];
}
