/**
 * The names of versions: UTC times with milliseconds, sortable as text: `20261122T203015.042Z`.
 */
const NAME = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})\.(\d{3})Z$/

/** `ms`: milliseconds since 1970. */
export function formatVersionTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]/g, '')
}

/** Milliseconds since 1970; undefined for what is no version's name. */
export function parseVersionTime(name: string): number | undefined {
  const parts = NAME.exec(name)
  if (parts === null) return undefined
  const [, year, month, day, hour, minute, second, ms] = parts
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`)
  return Number.isNaN(time) ? undefined : time
}
