/**
 * When the kept versions of one folder were first seen, in the store's running time, from one run to the next.
 *
 * A checked file; its body is CBOR, an array: running time of the last check in ms, then parts. A part is CBOR in a
 * byte string (so that none takes the event loop for long): an array of [`FILEID/TIME`, first seen in ms, lineage].
 * A file that is damaged counts as none: all ages begin anew.
 */
import { decode, encode } from 'cborg'
import type { VersionAge } from '../dfs.ts'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from './checked-file.ts'
import { Pacer } from './pacer.ts'

export interface VersionAges {
  /** Running time when versions were last let go; undefined if never. */
  readonly checkedMs: number | undefined
  /** By `FILEID/TIME`. */
  readonly ages: ReadonlyMap<string, VersionAge>
}

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'ages of versions',
  ifDamaged: 'the versions kept in that folder grow old anew',
}
const PART_ENTRIES = 1000

type Entry = [key: string, firstSeenMs: number, lineage: string]

/** What `file` holds; nothing if it is not there or damaged. Fails with `newer-version`, `io`. */
export async function readVersionAges(file: string): Promise<VersionAges> {
  const body = await readCheckedFile(file, KIND)
  const ages = new Map<string, VersionAge>()
  if (body === undefined) return { checkedMs: undefined, ages }
  const pacer = new Pacer()
  const [checkedMs, ...parts]: [number, ...Uint8Array[]] = decode(body)
  for (const part of parts) {
    for (const [key, firstSeenMs, lineage] of decode(part) as Entry[]) ages.set(key, { firstSeenMs, lineage })
    if (pacer.due) await pacer.pause()
  }
  return { checkedMs, ages }
}

/** Resolves once the file durably holds them. Fails with `no-space`, `io`; the old file is there then. */
export async function writeVersionAges(
  file: string,
  { checkedMs, ages }: VersionAges & { checkedMs: number },
): Promise<void> {
  const pacer = new Pacer()
  const parts: Uint8Array[] = []
  let part: Entry[] = []
  for (const [key, { firstSeenMs, lineage }] of ages) {
    if (part.push([key, firstSeenMs, lineage]) < PART_ENTRIES) continue
    parts.push(encode(part))
    part = []
    if (pacer.due) await pacer.pause()
  }
  await writeCheckedFile(file, KIND, encode([checkedMs, ...parts, encode(part)]))
}
