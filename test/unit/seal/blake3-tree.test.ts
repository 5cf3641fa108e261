import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leftSlicesOf, SLICE_BYTES, sliceCountOf } from '../../../src/format/slice-tree.ts'
import { bytesOfValue, parentValue, partValue, sliceValue, valueOfBytes } from '../../../src/seal/blake3-tree.ts'
import { digestOf } from '../../../src/seal/hash.ts'

/** BLAKE3's official test vectors (test_vectors.json): input bytes 0, 1, ... 250, 0, 1, ... */
const DIGESTS: Record<number, string> = {
  0: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
  1: '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
  1023: '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11',
  1024: '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7',
  1025: 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444',
  2048: 'e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a',
  2049: '5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030',
  3072: 'b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2',
  3073: '7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3',
  4096: '015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969',
  4097: '9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995',
  5121: '628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff',
  7168: '61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a',
  8193: 'bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b',
  16384: 'f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4',
  31744: '62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47',
  102400: 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085',
}

const counting = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 251))

function digestByTree(input: Buffer): string {
  const slices = sliceCountOf(input.length)
  if (slices === 1) return bytesOfValue(sliceValue(input, 0, true)).toString('hex')
  const left = leftSlicesOf(slices)
  const root = parentValue(partValue(input, 0, left), partValue(input, left, slices - left), true)
  return bytesOfValue(root).toString('hex')
}

for (const [length, digest] of Object.entries(DIGESTS)) {
  test(`the root of the tree over ${length} bytes is BLAKE3's digest`, () => {
    assert.equal(digestByTree(counting(Number(length))), digest)
  })
}

test('the root is what the native hasher says, whatever the bytes and where they lie', () => {
  const anyInput = fc.uint8Array({ maxLength: 9 * SLICE_BYTES, size: 'max' })
  fc.assert(
    fc.property(anyInput, fc.nat(7), (bytes, offset) => {
      const input = Buffer.from(bytes).subarray(offset)
      assert.equal(digestByTree(input), digestOf(input).toString('hex'))
    }),
  )
})

test('the root is what the native hasher says for every length around the borders of slices and of what is compressed', () => {
  const input = counting(70 * SLICE_BYTES)
  for (const slices of [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65]) {
    for (const rest of [0, 1, 63, 64, 65, 511, 960, 961, 1022, 1023]) {
      const part = input.subarray(0, slices * SLICE_BYTES + rest)
      assert.equal(digestByTree(part), digestOf(part).toString('hex'), `${part.length} bytes`)
    }
  }
})

test('a slice has another value at another place, and as the root', () => {
  const slice = counting(SLICE_BYTES)
  const values = [sliceValue(slice, 0, false), sliceValue(slice, 1, false), sliceValue(slice, 0, true)]
  assert.equal(new Set(values.map(String)).size, 3)
})

test('a chaining value comes back from its bytes, wherever they lie', () => {
  const value = sliceValue(counting(5), 0, false)
  const moved = Buffer.concat([Buffer.of(0), bytesOfValue(value)]).subarray(1)
  assert.deepEqual(valueOfBytes(moved), value)
})
