// The drawing of simulated deploys: nodes against seconds, both logarithmic, with the server's line and the mark.

export interface SimulatedSize {
  nodes: number;
  lastMs: number;
  medianMs: number;
  serverMs: number;
}

const width = 720;
const height = 440;
const frame = { left: 64, right: 130, top: 40, bottom: 52 };

interface Scale {
  from: number;
  to: number;
}

/** An SVG document. */
export function drawDeploy(sizes: readonly SimulatedSize[], markSeconds: number, what: string): string {
  const nodes = scaleOf(sizes.map((size) => size.nodes));
  const all = sizes.flatMap(({ lastMs, serverMs }) => [lastMs / 1000, serverMs / 1000]);
  const seconds = scaleOf([...all, markSeconds]);
  const x = (value: number): number => frame.left + along(nodes, value) * (width - frame.left - frame.right);
  const y = (value: number): number =>
    height - frame.bottom - along(seconds, value) * (height - frame.top - frame.bottom);
  const line = (of: (size: SimulatedSize) => number, color: string, name: string): string[] => {
    const points = sizes.map((size): [number, number] => [x(size.nodes), y(of(size) / 1000)]);
    const [endX, endY] = points.at(-1) ?? [0, 0];
    return [
      `<polyline points="${points.map((point) => point.map(short).join(',')).join(' ')}" fill="none" stroke="${color}" stroke-width="2.5"/>`,
      ...points.map(([atX, atY]) => `<circle cx="${short(atX)}" cy="${short(atY)}" r="4" fill="${color}"/>`),
      text(endX + 10, endY + 4, name, `fill="${color}"`),
    ];
  };
  const bottom = height - frame.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(frame.left, 22, `To the last node: ${what} (simulated)`, 'font-weight="bold"'),
    ...powers(nodes).flatMap((value) => [
      `<line x1="${short(x(value))}" x2="${short(x(value))}" y1="${frame.top}" y2="${bottom}" stroke="#ddd"/>`,
      text(x(value), bottom + 20, value.toLocaleString('en-US'), 'text-anchor="middle"'),
    ]),
    ...powers(seconds).flatMap((value) => [
      `<line x1="${frame.left}" x2="${width - frame.right}" y1="${short(y(value))}" y2="${short(y(value))}" stroke="#ddd"/>`,
      text(frame.left - 8, y(value) + 4, `${value.toLocaleString('en-US')} s`, 'text-anchor="end"'),
    ]),
    text((frame.left + width - frame.right) / 2, height - 12, 'nodes', 'text-anchor="middle"'),
    `<line x1="${frame.left}" x2="${width - frame.right}" y1="${short(y(markSeconds))}" y2="${short(y(markSeconds))}" stroke="#555" stroke-dasharray="6 4"/>`,
    text(width - frame.right + 10, y(markSeconds) + 4, `${markSeconds} s, the mark`, 'fill="#555"'),
    ...line(({ serverMs }) => serverMs, '#b3261e', 'one server'),
    ...line(({ lastMs }) => lastMs, '#0b6bcb', 'swarm'),
    '</svg>',
    '',
  ].join('\n');
}

/** Whole powers of ten around all values. */
function scaleOf(values: readonly number[]): Scale {
  return {
    from: Math.floor(Math.log10(Math.min(...values))),
    to: Math.max(Math.ceil(Math.log10(Math.max(...values))), Math.floor(Math.log10(Math.min(...values))) + 1),
  };
}

function along({ from, to }: Scale, value: number): number {
  return (Math.log10(value) - from) / (to - from);
}

function powers({ from, to }: Scale): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
}

function text(x: number, y: number, said: string, more: string): string {
  return `<text x="${short(x)}" y="${short(y)}" ${more}>${said}</text>`;
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}
