/**
 * Blocks that a complete mark found unreferenced, with the running time when that was first seen.
 *
 * On disk, one CBOR map: `version` 1; `body` bytes, itself CBOR: an array of [first seen in ms, digests of 32 bytes
 * one after the other]; `digest` BLAKE3-256 of the body. A file that is damaged counts as none: the grace period
 * of all begins anew.
 */
import { decode, encode } from 'cborg'
import { DfsError } from '../errors.ts'
import { DIGEST_BYTES } from '../format/cid.ts'
import { warn } from '../log.ts'
import { digestOf } from '../seal/hash.ts'
import { DigestSet } from './digest-set.ts'
import type { Pacer } from './pacer.ts'
import { readFileIfThere, replaceFile } from './small-file.ts'

const VERSION = 1

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
  const bytes = await readFileIfThere(file)
  for (const [firstSeenMs, digests] of bytes === undefined ? [] : decodeGroups(bytes, file)) {
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
  await replaceFile(file, Buffer.from(encode({ version: VERSION, digest: digestOf(body), body })))
}

function decodeGroups(bytes: Buffer, file: string): [number, Uint8Array][] {
  try {
    const { version, digest, body } = decode(bytes)
    if (version > VERSION) throw newerVersion(version, file)
    if (version === VERSION && digestOf(body).equals(digest)) return decode(body)
  } catch (error) {
    if (error instanceof DfsError) throw error
  }
  warn(`${file} is damaged: the grace period of unreferenced blocks begins anew`)
  return []
}

function newerVersion(version: number, file: string): DfsError {
  return new DfsError('newer-version', `garbage candidates of version ${version}, this dfs knows ${VERSION}`, {
    op: 'collect garbage',
    subject: file,
    mend: 'install a newer dfs on this device',
  })
}
