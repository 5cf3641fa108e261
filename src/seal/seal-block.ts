/**
 * A chunk or a node, to a block.
 *
 * The key is keyed BLAKE3 over the header, the frame table and the frames as AES-GCM will seal them: over all that is
 * sealed and all that is in its additional data. So a key is used for one block only, each nonce in it for one
 * message, and equal plaintext (through an equal zstd) gives an equal block.
 */
import assert from 'node:assert/strict'
import type { BlockKind, SealedBlock } from '../dfs.ts'
import { encodeBlockHeader, encodeFrameTable, frameNonce, frameOffsets, TABLE_FRAME } from '../format/block.ts'
import { CHUNK_BYTES_MAX } from '../format/chunk-layout.ts'
import { cidOfDigest } from '../format/cid.ts'
import { sealInto, secretKey } from './aead.ts'
import { compressFrames } from './compress.ts'
import { contentHash, digestOf, keyedHash } from './hash.ts'
import type { BlockSecrets } from './keys.ts'

/**
 * Seals 1 to CHUNK_BYTES_MAX bytes, which are only read. The block's bytes lie at the beginning of `into`, which has room for
 * BLOCK_BYTES_MAX, or have an ArrayBuffer of their own.
 */
export function sealBlock(kind: BlockKind, plain: Buffer, secrets: BlockSecrets, into?: Buffer): SealedBlock {
  assert(plain.length > 0 && plain.length <= CHUNK_BYTES_MAX, 'a block holds 1 byte to 1 MiB')
  const { compression, frames } = compressFrames(plain)
  const frameBytes = frames.map((frame) => frame.length)
  const header = encodeBlockHeader({ kind, compression, cipher: 'aes-256-gcm', frameCount: frames.length })
  const table = encodeFrameTable({ plainBytes: plain.length, frameBytes })
  const key = keyedHash(kind === 'data' ? secrets.blockSecret : secrets.nodeSecret, header, table, ...frames)

  const sealedBytes = frameOffsets(frameBytes).at(-1)!
  const bytes = into?.subarray(0, sealedBytes) ?? Buffer.allocUnsafeSlow(sealedBytes)
  const seal = { key: secretKey(key), aad: header }
  bytes.set(header)
  let end = sealInto(bytes, header.length, { ...seal, nonce: frameNonce(TABLE_FRAME) }, table)
  for (const [index, frame] of frames.entries()) {
    end = sealInto(bytes, end, { ...seal, nonce: frameNonce(index) }, frame)
  }
  assert(end === sealedBytes && bytes.length === sealedBytes)

  const cid = cidOfDigest(digestOf(bytes))
  return {
    ref: { cid, key, hash: contentHash(secrets, plain), plainBytes: plain.length, sealedBytes },
    bytes,
  }
}
