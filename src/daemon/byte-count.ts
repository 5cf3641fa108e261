/** Sizes as people write them: `20GB`, `1.5 GiB`, `4096`. */

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  PB: 1e15,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
}

/** In bytes; undefined for what is no size, or no whole number of bytes below 2^53. */
export function parseByteCount(text: string): number | undefined {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?) ?([kKMGTP]i?B|B)?$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (number === undefined || factor === undefined) return undefined
  const bytes = Number(number) * factor
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
