/**
 * What a file is called while another has its name: `NAME (conflict DEVICE DATE).EXT`.
 */
import { byteStringOf } from '../bytes/byte-string.ts'
import type { ByteString } from '../dfs.ts'
import { NAME_BYTES_MAX } from '../format/stored-name.ts'
import type { ObjectId, Register } from '../format/sync-entry.ts'
import type { WriterId } from '../format/version-vector.ts'

/** The name of the device of a writer, for people; the same on all devices. */
export type DeviceNames = (writer: WriterId) => string

export interface Conflict {
  readonly id: ObjectId
  /** The name that it would have. */
  readonly name: ByteString
  /** The change by which it came to that name. */
  readonly since: Register<unknown>
}

/** Digits of an id that tell apart names that had to be cut. */
const MARK_DIGITS = 8
const DEVICE_BYTES_MAX = 64
const EXTENSION_BYTES_MAX = 32
const CONFLICT = /^(.+) \(conflict .+ \d{4}-\d\d-\d\d(?: \d+)?\)(\.[^.]*)?$/s
const CUT = /~[0-9a-f]{8}$/

/** The day is that of the change, in UTC. `attempt` counts from 1; from 2 on it stands in the name. */
export function conflictName({ id, name, since }: Conflict, deviceName: DeviceNames, attempt: number): ByteString {
  const device = byteStringOf(deviceName(since.dot.writer)).replaceAll(/[/\0]/g, '_').slice(0, DEVICE_BYTES_MAX)
  const day = new Date(since.timeMs).toISOString().replace(/T.*/, '')
  const mark = ` (conflict ${device} ${day}${attempt === 1 ? '' : ` ${attempt}`})`
  const [stem, extension] = split(name)
  const room = NAME_BYTES_MAX - mark.length - extension.length
  if (stem.length <= room) return stem + mark + extension
  const cut = `~${id.slice(0, MARK_DIGITS)}`
  return stem.slice(0, room - cut.length) + cut + mark + extension
}

/** A name that begins with a dot has no extension for that; nor is what is too long for one. */
function split(name: ByteString): [stem: ByteString, extension: ByteString] {
  const dot = name.lastIndexOf('.')
  if (dot <= 0 || name.length - dot > EXTENSION_BYTES_MAX) return [name, '']
  return [name.slice(0, dot), name.slice(dot)]
}

/** The name that what is called so wanted, if `conflictName` gave it; undefined if it did not, or had to cut it. */
export function nameOfConflict(name: ByteString): ByteString | undefined {
  const [, stem, extension] = CONFLICT.exec(name) ?? []
  return stem === undefined || CUT.test(stem) ? undefined : stem + (extension ?? '')
}

/** Whether a name looks like one that `conflictName` gave. */
export function mayBeConflictName(name: ByteString): boolean {
  return name.includes(' (conflict ')
}
