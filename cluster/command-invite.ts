// `murmuration invite`: one line by which another machine joins the cluster.
import { Command } from 'commander';
import { z } from 'zod';
import { withCluster } from './command-cluster.ts';
import { dataOption, folderText, matching, option, readOptions, rolesText } from './command-options.ts';
import { inviteLifeMostMs } from './invite-certificate.ts';

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `1h`, `7d`. */
const span = matching(
  z
    .string()
    .regex(/^[1-9][0-9]{0,6}[smhd]$/)
    .transform((text) => Number(text.slice(0, -1)) * (unitMs[text.slice(-1)] ?? 0))
    .refine((ms) => ms <= inviteLifeMostMs),
  'must be a time such as 10m, 1h or 7d, 30d at most',
);

const inviteOptions = z.object({
  data: folderText,
  roles: rolesText,
  expires: span,
  revoke: z.string().optional(),
});
const invited = z.object({ line: z.string(), id: z.string(), expiresMs: z.number() });

export function inviteCommand(): Command {
  const command = new Command('invite')
    .description(
      'print an invite: whoever has this one line can join the cluster with "murmuration start --join LINE", until it expires',
    )
    .addOption(dataOption())
    .addOption(option('--roles <LIST>', 'what the newcomer may be: gateway, core or both', 'gateway,core'))
    .addOption(option('--expires <TIME>', 'how long it holds: 10m, 1h, 7d', '1h'))
    .addOption(option('--revoke <ID>', 'instead: take an invite back, by the id that was said with it'));
  return command.action(async () => {
    const { data, roles, expires, revoke } = readOptions(command, inviteOptions);
    await withCluster(data, 'invite', async (cluster) => {
      if (revoke !== undefined) {
        await cluster.ask({ do: 'revokeInvite', id: revoke }, z.unknown());
        console.log(`The invite ${revoke} lets nobody in any more.`);
        return;
      }
      const { line, id, expiresMs } = await cluster.ask(
        { do: 'invite', roles, holdsForMs: expires },
        invited,
      );
      // Only the line goes to standard output: it is to be piped and copied.
      console.error(`Holds until ${new Date(expiresMs).toISOString()}; its id is ${id}.`);
      console.log(line);
    });
  });
}
