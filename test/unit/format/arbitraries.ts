/** Random values of the shared nouns, and random damage to bytes, for the round trips of the formats. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { BlockRef, FileMeta } from '../../../src/dfs.ts'
import { BLOCK_BYTES_MAX } from '../../../src/format/block.ts'
import { CHUNK_BYTES_MAX } from '../../../src/format/chunk-layout.ts'
import { cidOfDigest, DIGEST_BYTES } from '../../../src/format/cid.ts'
import { refusalOf } from './vectors.ts'

/** `fc.record`, with objects as literals make them: strict comparison looks at the prototype. */
export function anyObject<T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(members, { noNullPrototype: true })
}

export function anyBytes(length: number | { minLength?: number; maxLength: number }): fc.Arbitrary<Buffer> {
  const range = typeof length === 'number' ? { minLength: length, maxLength: length } : length
  return fc.uint8Array(range).map((bytes) => Buffer.from(bytes))
}

export const anyU32 = fc.nat(0xffff_ffff)
export const anyU53 = fc.maxSafeNat()
export const anyTimeNs = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)
export const anyFileId = anyBytes(16)

export const anyPath = anyBytes({ minLength: 1, maxLength: 300 }).map((bytes) =>
  bytes.toString('latin1').replaceAll('\0', '/'),
)

const anyDigest = anyBytes(DIGEST_BYTES).filter((digest) => digest.some((byte) => byte !== 0))
export const anyCid = anyDigest.map(cidOfDigest)

export const anyRef: fc.Arbitrary<BlockRef> = anyObject({
  cid: anyCid,
  key: anyBytes(32),
  hash: anyBytes(32),
  plainBytes: fc.integer({ min: 1, max: CHUNK_BYTES_MAX }),
  sealedBytes: fc.integer({ min: 1, max: BLOCK_BYTES_MAX }),
})

export const anyRefOrHole = fc.option(anyRef, { nil: undefined })

export const anyMeta: fc.Arbitrary<FileMeta> = anyObject({
  mode: fc.nat(0o7777),
  size: anyU53,
  mtimeNs: anyTimeNs,
  ctimeNs: anyTimeNs,
})

/** Bytes and random damage to them: a few bytes replaced, some cut off, some put behind. */
export function damaged(anyEncoding: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const anyChange = fc.tuple(fc.nat(), fc.nat(255))
  const anyDamage = anyObject({
    changes: fc.array(anyChange, { maxLength: 8 }),
    cut: fc.oneof(fc.constant(0), fc.nat(64)),
    more: fc.oneof(fc.constant(Buffer.alloc(0)), anyBytes({ maxLength: 64 })),
  })
  return fc.tuple(anyEncoding, anyDamage).map(([encoding, { changes, cut, more }]) => {
    const bytes = Buffer.concat([encoding.subarray(0, Math.max(0, encoding.length - cut)), more])
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
    return bytes
  })
}

/** Checks that a decoder says of any damaged encoding and of any noise either a value or a DfsError, and leaves the bytes alone. */
export function assertRefusesDamage(anyEncoding: fc.Arbitrary<Buffer>, decode: (bytes: Buffer) => unknown): void {
  const anyInput = fc.oneof(damaged(anyEncoding), anyBytes({ maxLength: 300 }))
  fc.assert(
    fc.property(anyInput, (bytes) => {
      const before = Buffer.from(bytes)
      const refusal = refusalOf(() => decode(bytes))
      assert(
        refusal === undefined || refusal.kind === 'corrupt' || refusal.kind === 'newer-version',
        `${refusal?.kind}`,
      )
      assert(bytes.equals(before))
    }),
    { numRuns: 500 },
  )
}
