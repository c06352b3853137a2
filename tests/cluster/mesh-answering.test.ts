// Who may ask a core for the cluster over its own links, and what is left to the core.
import { expect, test } from 'vitest';
import { answerCluster } from '../../cluster/mesh-answering.ts';

const mesh = { command: (json: string) => Promise.resolve({ ok: true as const, value: `{"did":${json}}` }) };

test('an operator’s command goes to the mesh, and its answer comes back as JSON', async () => {
  const handled = await answerCluster(mesh, 'cluster', { command: '1' }, { role: 'operator' });
  expect(handled?.outcome).toEqual({ ok: true, value: { json: '{"did":1}' } });
});

test('a gateway’s is refused', async () => {
  const handled = await answerCluster(mesh, 'cluster', { command: '1' }, { role: 'gateway' });
  expect(handled?.outcome).toMatchObject({ ok: false, rejection: { code: 'forbidden' } });
});

test('every other request is the core’s', () => {
  expect(answerCluster(mesh, 'status', {}, { role: 'operator' })).toBeNull();
});
