// What `bundle share` and `bundle fetch` are told alike: where to listen, how fast to be, and whether standard clients take part.
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { addressesText, usageFault, whole } from './command-options.ts';
import { rateText } from './command-rate.ts';

/** A server's MURMURATION_PORT is not meant for these: they have MURMURATION_BUNDLE_PORT. */
export function bundleOption(flags: string, description: string, preset?: string): Option {
  const made = new Option(flags, description);
  made.env(`MURMURATION_BUNDLE_${made.name().toUpperCase().replaceAll('-', '_')}`);
  return preset === undefined ? made : made.default(preset);
}

export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(bundleOption('--port <N>', 'TCP and UDP port of this machine; 0 is any free one', '0'))
    .addOption(
      bundleOption('--host <ADDRESS>', 'IPv4 address to listen at; 0.0.0.0 is all of them', '0.0.0.0'),
    )
    .addOption(
      bundleOption('--advertise <ADDRESS>', 'where others reach this machine, if not where it listens'),
    )
    .addOption(bundleOption('--up-rate <BYTES>', 'send at most this a second: 500K, 20M'))
    .addOption(bundleOption('--down-rate <BYTES>', 'receive at most this a second'))
    .addOption(bundleOption('--door', 'let standard BitTorrent clients find it by their DHT, too'))
    .addOption(bundleOption('--dht-entry <HOST:PORT,...>', 'with --door: nodes of their DHT to begin with'))
    .addOption(bundleOption('--torrent <FILE>', 'write the .torrent file here, for other programs'));
}

const placeShape = {
  port: whole(0, 65_535),
  host: z.string().min(1),
  advertise: z.string().min(1).optional(),
  upRate: rateText.optional(),
  downRate: rateText.optional(),
  door: z.boolean().optional(),
  dhtEntry: addressesText.optional(),
  torrent: z.string().min(1, 'must name a file').optional(),
};

export const placeOptions = z.object(placeShape);
export type PlaceOptions = z.infer<typeof placeOptions>;

export function checkPlaceOptions(command: Command, { door, dhtEntry }: PlaceOptions): void {
  if (dhtEntry !== undefined && door !== true)
    throw usageFault(command, '--dht-entry is for --door: without it standard clients take no part');
}
