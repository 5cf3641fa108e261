/**
 * Up to which head everything is placed, and on how many devices, from one run to the next. Only a shortcut: without it all
 * blocks are looked at again, which places none twice.
 *
 * A checked file; its body is CBOR, an array: incarnation, sequence, replicas.
 */
import { decode, encode } from 'cborg'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from '../../store/checked-file.ts'
import type { HeadName } from './parts.ts'

export interface PlacedHead extends HeadName {
  readonly replicas: number
}

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'what is replicated',
  ifDamaged: 'all blocks are looked at again',
}

/** Undefined if nothing is known. Fails with `newer-version`, `io`. */
export async function readPlacedHead(file: string): Promise<PlacedHead | undefined> {
  const body = await readCheckedFile(file, KIND)
  if (body === undefined) return undefined
  const [incarnation, sequence, replicas] = decode(body) as [number, number, number]
  return { incarnation, sequence, replicas }
}

/** Resolves once it is durable. Fails with `no-space`, `io`. */
export async function writePlacedHead(file: string, { incarnation, sequence, replicas }: PlacedHead): Promise<void> {
  await writeCheckedFile(file, KIND, encode([incarnation, sequence, replicas]))
}

/** Resolves once nothing is known any more, also after a power loss. Fails with `io`. */
export async function forgetPlacedHead(file: string): Promise<void> {
  await writeCheckedFile(file, KIND, encode([0, 0, 0]))
}
