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
  boost:
    'M3 9.5 6.5 6 10 9.5M6.5 6.3v8.2A2.5 2.5 0 0 0 9 17h4.5M21 14.5 17.5 18 14 14.5M17.5 17.7V9.5A2.5 2.5 0 0 0 15 7h-4.5',
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
  [5, 22, 1],
  [8.5, 18.6, 1.5],
  [12.6, 15.6, 2.1],
  [17.2, 13.6, 2.5],
  [21.8, 11.2, 2.1],
  [25.6, 8, 1.5],
  [28.2, 4.6, 1],
  [9.2, 24, 0.9],
  [13, 20.8, 1.4],
  [17.6, 19, 1.8],
  [22.2, 16.8, 1.4],
  [26, 13.6, 0.9],
  [16.2, 25.2, 0.9],
  [20.8, 23, 1.1],
];
