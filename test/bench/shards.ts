/**
 * What proofs of storage and shards cost, beside hashing the same bytes; and their space and repair traffic against
 * three copies. `node test/bench/shards.ts`; medians, one thread.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { codedStrings, dataStrings } from '../../src/bytes/erasure-code.ts'
import { BLOCK_BYTES_MAX } from '../../src/format/block.ts'
import { cidOfDigest } from '../../src/format/cid.ts'
import { sliceCountOf } from '../../src/format/slice-tree.ts'
import { encodeChallenge } from '../../src/format/storage-proof.ts'
import { digestOf } from '../../src/seal/hash.ts'
import { joinShards, splitBlock } from '../../src/seal/shards.ts'
import { checkProof, makeProof } from '../../src/seal/storage-proof.ts'

const RUNS = 60
const MIB = 1024 * 1024
/** The longest block, and one that holds 64 KiB. */
const BLOCKS = [BLOCK_BYTES_MAX, 64 * 1024 + 52]

for (const bytes of BLOCKS) {
  const block = randomBytes(bytes)
  const wanted = { cid: cidOfDigest(digestOf(block)), sealedBytes: bytes }
  console.log(`\nblock of ${bytes} bytes`)
  report('BLAKE3', bytes, () => digestOf(block))
  for (const count of [1, 4, 16]) measureProof(block, count)
  for (const redundancy of [
    { data: 4, parity: 2 },
    { data: 10, parity: 4 },
  ]) {
    const { data, parity } = redundancy
    const shards = splitBlock(block, redundancy).map((shard) => shard.bytes)
    const name = `${data}+${parity}`
    report(`${name} split, with CIDs`, bytes, () => splitBlock(block, redundancy))
    report(`${name} join, none lost`, bytes, () => joinShards(wanted, shards.slice(0, data)))
    for (const lost of [1, 2]) {
      report(`${name} join, ${lost} lost`, bytes, () => joinShards(wanted, shards.slice(lost, data + lost)))
    }
    measureCode(data, parity, Math.ceil(bytes / data))
    const stored = shards.reduce((sum, shard) => sum + shard.length, 0)
    const fetched = shards.slice(0, data).reduce((sum, shard) => sum + shard.length, 0)
    console.log(`${name} space ${(stored / bytes).toFixed(3)} of the block (3 copies: 3)`)
    console.log(
      `${name} a lost shard costs ${shards[0]!.length} bytes to send, ${fetched} to fetch if the block is not here`,
    )
  }
}

function measureProof(block: Buffer, count: number): void {
  const slices = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.4) * sliceCountOf(block.length)) / count))
  const challenge = { cid: cidOfDigest(digestOf(block)), blockBytes: block.length, slices }
  const proof = makeProof(challenge, block)
  const sent = proof.length + encodeChallenge(challenge).length
  console.log(
    `proof of ${count} slices: ${sent} bytes with its challenge, ${((100 * sent) / block.length).toFixed(2)} %`,
  )
  report(`  making it`, block.length, () => makeProof(challenge, block))
  report(`  checking it`, block.length, () => checkProof(challenge, proof))
}

/** The code alone, without heads, hashes and copies. */
function measureCode(data: number, parity: number, bytes: number): void {
  const strings = Array.from({ length: data }, () => randomBytes(bytes))
  const indexes = Array.from({ length: data + parity }, (_, index) => index)
  const coded = codedStrings(strings, indexes).map((string, index) => ({ index, bytes: string }))
  assert.equal(dataStrings(coded.slice(parity)).length, data)
  report(`${data}+${parity} code alone: encoding`, data * bytes, () => codedStrings(strings, indexes))
  for (const lost of [1, 2]) {
    report(`${data}+${parity} code alone: ${lost} lost`, data * bytes, () =>
      dataStrings(coded.slice(lost, data + lost)),
    )
  }
}

function report(what: string, bytes: number, work: () => unknown): void {
  const times: number[] = []
  for (let run = 0; run < 2 * RUNS; run++) {
    const start = performance.now()
    work()
    // The first half warms up.
    if (run >= RUNS) times.push(performance.now() - start)
  }
  const ms = times.sort((a, b) => a - b)[RUNS >> 1]!
  console.log(
    `${what.padEnd(30)} ${ms.toFixed(3).padStart(8)} ms ${((bytes / MIB / ms) * 1000).toFixed(0).padStart(8)} MiB/s`,
  )
}
