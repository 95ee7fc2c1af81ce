/**
 * Colours of a heatmap: Matplotlib's INFERNO, whose brightness rises with the value for every kind of colour vision.
 * Seventeen of its 256 entries, with straight lines between them: nowhere more than 7 of 255 off.
 */

const ENTRIES: readonly (readonly [number, number, number])[] = [
  [0, 0, 4], [11, 7, 36], [33, 12, 74], [61, 9, 101], [87, 16, 110], [113, 25, 110], [138, 34, 106], [163, 44, 97],
  [188, 55, 84], [208, 69, 69], [227, 89, 51], [241, 113, 31], [249, 140, 10], [252, 170, 15], [249, 201, 50],
  [242, 232, 101], [252, 255, 164],
];

/** Red, green and blue (0..255) of a value in 0..1. */
export function inferno(value: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, value)) * (ENTRIES.length - 1);
  const below = Math.min(ENTRIES.length - 2, Math.floor(place));
  const share = place - below;
  const low = ENTRIES[below] as readonly [number, number, number];
  const high = ENTRIES[below + 1] as readonly [number, number, number];
  return [0, 1, 2].map((band) => Math.round((low[band] as number) * (1 - share) + (high[band] as number) * share)) as [
    number, number, number,
  ];
}

/** Opacity at 1 of a map that is fully on: the film stays visible under it. */
export const STRONGEST = 0.7;

/**
 * Pixels R, G, B, A of a map: the higher its value, the less of the image shows through, and at 0 all does.
 *
 * @param grays - the map as R, G, B, A of a gray picture.
 */
export function coloured(grays: Uint8ClampedArray): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(new ArrayBuffer(grays.length));
  for (let at = 0; at < grays.length; at += 4) {
    const value = (grays[at] as number) / 255;
    const [red, green, blue] = inferno(value);
    out[at] = red;
    out[at + 1] = green;
    out[at + 2] = blue;
    out[at + 3] = Math.round(255 * STRONGEST * value);
  }
  return out;
}
