// Files of tests that start before all others, as named by hand: longest-first.ts makes an order of it.

/** Every file that takes more than some eight seconds, longest first. The others follow in vitest's own order. */
export const longFiles = [
  'tests/chaos/machines.test.ts',
  'tests/chaos/kill.test.ts',
  'tests/cluster/command-cluster.test.ts',
  'tests/cluster/agent-commands.test.ts',
  'tests/simulation/planted-bugs.test.ts',
  'tests/simulation/first-seeds.test.ts',
  'tests/simulation/second-seeds.test.ts',
  'tests/page/page.test.ts',
  'tests/page/one-person.test.ts',
  'tests/clients/megalodon.test.ts',
  'tests/actors/adoption.test.ts',
  'tests/cluster/agent.test.ts',
  'tests/gateway/sessions.test.ts',
  'tests/clients/debian.test.ts',
  'tests/clients/masto.test.ts',
  'tests/fuzz/fuzz.test.ts',
  'tests/gateway/sessions-kill.test.ts',
  'tests/cluster/core-cluster.test.ts',
  'tests/house/imports.test.ts',
  'tests/runtime/store-fault.test.ts',
  'tests/house/release-build.test.ts',
];
