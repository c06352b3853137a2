// `murmuration bundle share|fetch`: a folder to many machines, from each to the others, without a server, a cluster or a data folder.
import { Command } from 'commander';
import { fetchCommand } from './command-bundle-fetch.ts';
import { shareCommand } from './command-bundle-share.ts';

export function bundleCommand(): Command {
  return new Command('bundle')
    .description('move a folder to many machines by BitTorrent: each that fetches it passes it on')
    .addCommand(shareCommand())
    .addCommand(fetchCommand());
}
