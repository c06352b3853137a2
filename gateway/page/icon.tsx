// Icons: line drawings on a grid of 24, in the colour of the text beside them. They say nothing to a screen reader; their buttons do.
import type { JSX } from 'preact';

const paths = {
  home: 'M4 11 12 4l8 7v8.5a.5.5 0 0 1-.5.5H15v-6H9v6H4.5a.5.5 0 0 1-.5-.5z',
  globe:
    'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.8 12h16.4M12 3.6c5 5.2 5 11.6 0 16.8-5-5.2-5-11.6 0-16.8z',
  bell: 'M6 16.5V11a6 6 0 1 1 12 0v5.5l1.5 1.5h-15zM10 20.5h4',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.3 15.3 20 20',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20c.6-3.8 3.6-6 7.5-6s6.9 2.2 7.5 6',
  bookmark: 'M6.5 4h11v16L12 15.5 6.5 20z',
  gear: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3M6 6l2.1 2.1M15.9 15.9 18 18M18 6l-2.1 2.1M8.1 15.9 6 18',
  pen: 'M4.5 19.5l1-4L16 5l3 3L8.5 18.5zM14 7l3 3',
  reply: 'M9.5 6 4 11.5 9.5 17v-3.5c5 0 8 1 10.5 4.5-.5-6-4-9.5-10.5-9.5z',
  boost: 'M7 18V8.5L4 11.5M7 8.5l3 3M17 6v9.5l3-3M17 15.5l-3-3M10.5 6H17M7 18h6.5',
  heart: 'M12 19.5C5.5 15 3.5 12 3.5 9.2A4.2 4.2 0 0 1 12 7.6a4.2 4.2 0 0 1 8.5 1.6c0 2.8-2 5.8-8.5 10.3z',
  more: 'M5.5 12h.01M12 12h.01M18.5 12h.01',
  unlisted: 'M8 10V7.5a4 4 0 0 1 7.8-1.2M6 10h12v9.5H6z',
  lock: 'M8 10V7.5a4 4 0 1 1 8 0V10M6 10h12v9.5H6z',
  letter: 'M4 6.5h16v11H4zM4 7l8 6 8-6',
  back: 'M11 5.5 4.5 12l6.5 6.5M5 12h15',
  close: 'M6 6l12 12M18 6 6 18',
  up: 'M12 19V5.5M6 11l6-6 6 6',
  key: 'M3.5 6.5h17v11h-17zM7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8 14h8',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark of Murmuration: a flock that turns. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      {flock.map(([x, y, radius]) => (
        <circle key={`${x}-${y}`} cx={x} cy={y} r={radius} />
      ))}
    </svg>
  );
}

const flock: readonly (readonly [number, number, number])[] = [
  [4.5, 20, 1.1],
  [7.5, 16, 1.5],
  [11.5, 13, 1.9],
  [16, 12, 2.4],
  [20.5, 13.5, 2.7],
  [23, 17.5, 2.4],
  [21.5, 21.5, 1.9],
  [17.5, 23, 1.5],
  [14, 21, 1.1],
  [9, 20.5, 1],
  [12.5, 17, 1.2],
  [17, 17.5, 1.5],
  [25.5, 10.5, 1.5],
  [28, 7, 1],
];
