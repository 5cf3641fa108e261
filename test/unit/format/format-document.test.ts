/** FORMAT.md tells the truth: its examples are test vectors, and its numbers are those of the code. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BLOCK_BYTES_MAX, HEAD_BYTES_MAX, TAG_BYTES } from '../../../src/format/block.ts'
import { ENVELOPE_HEAD_BYTES } from '../../../src/format/envelope.ts'
import { SYMLINK_BYTES_MAX } from '../../../src/format/head-entry.ts'
import { HEAD_ITEM_BYTES_MAX, HEAD_NODE_BYTES_MAX } from '../../../src/format/head-node.ts'
import { HEAD_PATH_BYTES_MAX } from '../../../src/format/head-path.ts'
import { HEAD_RECORD_BYTES_MAX } from '../../../src/format/head-record.ts'
import { HEADS_MESSAGE_BYTES_MAX } from '../../../src/format/heads-message.ts'
import { HOLDS_MESSAGE_BYTES_MAX } from '../../../src/format/hold-message.ts'
import { HOLD_RECORD_BYTES_MAX } from '../../../src/format/hold-record.ts'
import { RECORD_BYTES_MAX } from '../../../src/format/journal-record.ts'
import { MESSAGE_BYTES_MAX, PIECE_BYTES_MAX } from '../../../src/format/message.ts'
import { DATA_SHARDS_MAX, DATA_SHARDS_MIN, PARITY_SHARDS_MAX } from '../../../src/format/shard.ts'
import { CHALLENGE_SLICES_MAX, PROOF_BYTES_MAX } from '../../../src/format/storage-proof.ts'
import { INLINE_BYTES_MAX, ROOT_NODE_BYTES_MAX, SLOT_BYTES, TRAILER_BYTES_MAX } from '../../../src/format/stub.ts'
import { PLACES_MAX, SYNC_ENTRY_BYTES_MAX } from '../../../src/format/sync-entry.ts'
import { SYNC_FOLDERS_MAX } from '../../../src/format/sync-folders.ts'
import { SYNC_ENTRIES_MAX, SYNC_MESSAGE_BYTES_MAX } from '../../../src/format/sync-message.ts'
import { VECTOR_WRITERS_MAX } from '../../../src/format/version-vector.ts'
import { XATTRS_BYTES_MAX } from '../../../src/format/xattrs.ts'
import { FORMATS, readVectors, type Vector } from './vectors.ts'

const page = readFileSync(new URL('../../../src/format/FORMAT.md', import.meta.url), 'utf8')

/** Fenced blocks whose first line is ```` ```hex FORMAT/WHAT/NAME ````, with `json` for the value and `text` for the text. */
const quotes = [...page.matchAll(/^```(hex|json|text) ([^/\n]+)\/([^/\n]+)\/(.+)\n([\s\S]*?)\n```$/gm)].map(
  ([, as, format, what, name, body]) => ({ as, format: format!, what, name, body: body! }),
)

function vectorOf({ format, what, name }: (typeof quotes)[number]): Vector | undefined {
  return readVectors(format).valid.find((vector) => vector.what === what && vector.name === name)
}

for (const quote of quotes) {
  test(`FORMAT.md quotes ${quote.format} ${quote.what} "${quote.name}" (${quote.as}) as it is in the vectors`, () => {
    const vector = vectorOf(quote)
    assert(vector !== undefined, 'there is such a vector')
    if (quote.as === 'json') assert.deepEqual(JSON.parse(quote.body), vector.value)
    else if (quote.as === 'text') assert.equal(`${quote.body}\n`, vector.text)
    else assert.equal(quote.body.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), vector.hex)
  })
}

test('FORMAT.md has no other fenced blocks than quotes of vectors, and an example of each format', () => {
  assert.equal(page.match(/^```/gm)?.length, quotes.length * 2)
  for (const format of [...FORMATS, 'sealed'])
    assert(
      quotes.some((quote) => quote.format === format),
      format,
    )
})

test('FORMAT.md gives the limits that the code has', () => {
  const limits: readonly [before: string, limit: number, after: string][] = [
    ['The longest block has ', BLOCK_BYTES_MAX, ' bytes'],
    ['the first ', HEAD_BYTES_MAX, ' bytes of a block'],
    ['| at most ', SLOT_BYTES, ' | slot 0'],
    ['| at most ', TRAILER_BYTES_MAX, ' | trailer'],
    ['more than 16, at most ', SLOT_BYTES - ENVELOPE_HEAD_BYTES, ' in a slot'],
    ['in a slot and ', TRAILER_BYTES_MAX - ENVELOPE_HEAD_BYTES, ' in a trailer'],
    ['of exactly `size` bytes, at most ', INLINE_BYTES_MAX, ''],
    ["the manifest's root node (§6), at most ", ROOT_NODE_BYTES_MAX, ' bytes'],
    ['one message of at most ', MESSAGE_BYTES_MAX, ' bytes'],
    ['| 1 to ', PIECE_BYTES_MAX, ' | bytes'],
    ['Both are records, at most ', HOLD_RECORD_BYTES_MAX, ' bytes long'],
    ['of one message each, at most ', HOLDS_MESSAGE_BYTES_MAX, ' bytes'],
    ['at most ', HEAD_PATH_BYTES_MAX, ' in all'],
    ['At most ', HEAD_NODE_BYTES_MAX, ' bytes'],
    ['An item is at most ', HEAD_ITEM_BYTES_MAX, ' bytes'],
    ['u16 length, 1 to ', SYMLINK_BYTES_MAX, '; target'],
    ['without zero bytes; 1 to ', XATTRS_BYTES_MAX, ' bytes'],
    ['At most ', HEAD_RECORD_BYTES_MAX, ' bytes'],
    ['one message each, at most ', HEADS_MESSAGE_BYTES_MAX, ' bytes long'],
    ['ciphertext and tag: 17 to ', RECORD_BYTES_MAX + TAG_BYTES, ' '],
    [`| data shards k | ${DATA_SHARDS_MIN} to `, DATA_SHARDS_MAX, ' |'],
    ['| parity m | 1 to ', PARITY_SHARDS_MAX, ' |'],
    ['| block length | L, at most ', BLOCK_BYTES_MAX, ' |'],
    ['| count N | 1 to ', CHALLENGE_SLICES_MAX, ' |'],
    ['The longest has ', PROOF_BYTES_MAX, ' bytes'],
    ['a u16 count, at most ', VECTOR_WRITERS_MAX, ','],
    ['1 to ', PLACES_MAX, ', of a directory 1'],
    ['An entry has at most ', SYNC_ENTRY_BYTES_MAX, ' bytes'],
    ['each, at most ', SYNC_MESSAGE_BYTES_MAX, ' bytes'],
    ['u16 count, at most ', SYNC_ENTRIES_MAX, ', entries'],
    ['are a u16 count, at most ', SYNC_FOLDERS_MAX, ', and'],
  ]
  const words = page.replaceAll(/\s+/g, ' ')
  for (const [before, limit, after] of limits) {
    const said = before + limit.toLocaleString('en') + after
    assert(words.includes(said), `"${said}" is not on the page`)
  }
})

test('the vectors of every format say which version they are of, and no name stands for two', () => {
  for (const format of [...FORMATS, 'sealed']) {
    const { format: name, version, valid, invalid } = readVectors(format)
    assert.deepEqual([name, version], [format, 1])
    for (const list of [valid, invalid]) {
      assert.equal(new Set(list.map(({ what, name }) => `${what}/${name}`)).size, list.length)
    }
  }
})
