// The machine a figure was measured on, as printed above every result.
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import os from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
  fileSystem: string;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpuModel(),
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: await fileSystemOf(os.tmpdir()),
  };
}

export function machineLine(machine: Machine): string {
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`;
  return `${machine.cpu}, ${machine.cores} cores, ${memory}, ${machine.kernel}, Node ${machine.node.slice(1)}, data on ${machine.fileSystem}`;
}

function cpuModel(): string {
  const named = os.cpus()[0]?.model.trim();
  if (named) return named;
  const told = readFileSync('/proc/cpuinfo', 'latin1').match(/^(?:model name|Processor)\s*:\s*(.+)$/m)?.[1];
  return told ?? `${os.arch()} processor`;
}

const magic: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs (fsync costs nothing there: set TMPDIR to a disk)',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
};

async function fileSystemOf(folder: string): Promise<string> {
  const { type } = await statfs(folder);
  return magic[type] ?? `file system 0x${type.toString(16)}`;
}
