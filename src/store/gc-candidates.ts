/**
 * Blocks that a complete mark found unreferenced, with the running time when that was first seen.
 *
 * A checked file; its body is CBOR: an array of [first seen in ms, digests of 32 bytes one after the other]. A file that
 * is damaged counts as none: the grace period of all begins anew.
 */
import { decode, encode } from 'cborg'
import { DIGEST_BYTES } from '../format/cid.ts'
import { type CheckedFileKind, readCheckedFile, writeCheckedFile } from './checked-file.ts'
import { DigestSet } from './digest-set.ts'
import type { Pacer } from './pacer.ts'

const KIND: CheckedFileKind = {
  version: 1,
  holds: 'garbage candidates',
  ifDamaged: 'the grace period of unreferenced blocks begins anew',
}

export class Candidates {
  readonly #digests = new DigestSet()
  /** By the digest's number; undefined: not a candidate any more. */
  readonly #firstSeenMs: (number | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Running time at which the block was first seen unreferenced; undefined if it is no candidate. */
  firstSeenMs(digest: Buffer): number | undefined {
    const number = this.#digests.numberOf(digest)
    return number === undefined ? undefined : this.#firstSeenMs[number]
  }

  add(digest: Buffer, firstSeenMs: number): void {
    if (this.firstSeenMs(digest) === undefined) this.#size++
    this.#firstSeenMs[this.#digests.add(digest)] = firstSeenMs
  }

  delete(digest: Buffer): void {
    const number = this.#digests.numberOf(digest)
    if (number === undefined || this.#firstSeenMs[number] === undefined) return
    this.#firstSeenMs[number] = undefined
    this.#size--
  }

  *entries(): Generator<{ digest: Buffer; firstSeenMs: number }> {
    for (const [number, firstSeenMs] of this.#firstSeenMs.entries()) {
      if (firstSeenMs !== undefined) yield { digest: this.#digests.at(number), firstSeenMs }
    }
  }
}

/** The candidates in `file`; none if there is no file or a damaged one. Fails with `newer-version`, `io`. */
export async function readCandidates(file: string, pacer: Pacer): Promise<Candidates> {
  const candidates = new Candidates()
  const body = await readCheckedFile(file, KIND)
  const groups: [number, Uint8Array][] = body === undefined ? [] : decode(body)
  for (const [firstSeenMs, digests] of groups) {
    for (let at = 0; at + DIGEST_BYTES <= digests.length; at += DIGEST_BYTES) {
      candidates.add(Buffer.from(digests.buffer, digests.byteOffset + at, DIGEST_BYTES), firstSeenMs)
      if (pacer.due) await pacer.pause()
    }
  }
  return candidates
}

/** Resolves once the file durably holds these candidates. Fails with `no-space`, `io`; the old file is there then. */
export async function writeCandidates(file: string, candidates: Candidates, pacer: Pacer): Promise<void> {
  const groups = new Map<number, Buffer[]>()
  for (const { digest, firstSeenMs } of candidates.entries()) {
    const group = groups.get(firstSeenMs)
    if (group === undefined) groups.set(firstSeenMs, [digest])
    else group.push(digest)
    if (pacer.due) await pacer.pause()
  }
  const body = encode([...groups].map(([firstSeenMs, digests]) => [firstSeenMs, Buffer.concat(digests)]))
  await writeCheckedFile(file, KIND, body)
}
