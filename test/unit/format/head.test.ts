import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BlockRef, Content, StubState } from '../../../src/dfs.ts'
import { decodeEntry, encodeEntry, type HeadEntry } from '../../../src/format/head-entry.ts'
import {
  decodeHeadNode,
  encodeBranchItem,
  encodeHeadNode,
  encodeLeafItem,
  HEAD_ITEM_BYTES_MAX,
  HEAD_LEVEL_MAX,
  isLeaf,
} from '../../../src/format/head-node.ts'
import { comparePaths, HEAD_PATH_BYTES_MAX, isHeadPath, parentPath } from '../../../src/format/head-path.ts'
import {
  decodeHeadBody,
  decodeSealedHead,
  encodeHeadBody,
  type HeadBody,
  type HeadLabel,
  type HeadSealing,
  headAad,
  supersedes,
} from '../../../src/format/head-record.ts'
import { decodeHeadsMessage, encodeHeadsMessage } from '../../../src/format/heads-message.ts'
import { INLINE_BYTES_MAX } from '../../../src/format/stub.ts'
import { XATTRS_BYTES_MAX } from '../../../src/format/xattrs.ts'
import {
  anyBytes,
  anyFileId,
  anyMeta,
  anyObject,
  anyRef,
  anyTimeNs,
  anyU32,
  anyU53,
  assertRefusesDamage,
} from './arbitraries.ts'
import { testVectors } from './vectors.ts'

interface BranchValue {
  readonly path: string
  readonly entries: number
  readonly ref: BlockRef
}
type NodeValue =
  | { readonly level: 0; readonly entries: readonly HeadEntry[] }
  | { readonly level: number; readonly children: readonly BranchValue[] }

interface RecordValue {
  readonly label: HeadLabel
  readonly sealing: HeadSealing
  readonly sealed: Buffer
  readonly signature: Buffer
}

function readNode(bytes: Buffer): NodeValue {
  const node = decodeHeadNode(bytes)
  if (isLeaf(node)) return { level: 0, entries: node.items.map(({ path, record }) => decodeEntry(path, record)) }
  return { level: node.level, children: node.items.map(({ path, entries, ref }) => ({ path, entries, ref })) }
}

function encodeNode(node: NodeValue): Buffer {
  if ('entries' in node) return encodeHeadNode(0, node.entries.map(encodeLeafItem))
  return encodeHeadNode(node.level, node.children.map(encodeBranchItem))
}

function readRecord(bytes: Buffer): RecordValue {
  const { label, sealing, sealed, signature } = decodeSealedHead(bytes)
  return { label, sealing, sealed, signature }
}

function encodeRecord({ label, sealing, sealed, signature }: RecordValue): Buffer {
  return Buffer.concat([headAad(label, sealing, sealed.length - 16), sealed, signature])
}

testVectors('head', {
  node: { decode: readNode, encode: encodeNode },
  body: { decode: (bytes) => decodeHeadBody(bytes), encode: encodeHeadBody },
  'former body': { decode: (bytes) => decodeHeadBody(bytes, 1) },
  record: { decode: readRecord, encode: encodeRecord },
  message: { decode: decodeHeadsMessage, encode: encodeHeadsMessage },
})

const anyName = anyBytes({ minLength: 1, maxLength: 12 })
  .map((bytes) => bytes.toString('latin1').replaceAll(/[\0/]/g, '\xff'))
  .filter((name) => name !== '.' && name !== '..')
const anyPath = fc.array(anyName, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'))

const anyContent: fc.Arbitrary<Content> = fc.oneof(
  anyObject({ kind: fc.constant('inline' as const), bytes: anyBytes({ maxLength: 100 }) }),
  fc.constant({ kind: 'root' as const, node: Buffer.from([1, 0, 0, 0]) }),
  anyObject({ kind: fc.constant('ref' as const), ref: anyRef }),
)
const anyState: fc.Arbitrary<StubState> = fc
  .tuple(anyFileId, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), anyMeta, anyContent)
  .map(([fileId, sequence, meta, content]) => ({
    fileId,
    sequence,
    meta: content.kind === 'inline' ? { ...meta, size: content.bytes.length } : meta,
    content,
  }))
const anyXattrs = fc
  .uniqueArray(anyObject({ name: anyName, value: anyBytes({ maxLength: 20 }) }), {
    minLength: 1,
    maxLength: 4,
    selector: ({ name }) => name,
  })
  .map((xattrs) => xattrs.sort((a, b) => (a.name < b.name ? -1 : 1)))

const anyEntry: fc.Arbitrary<HeadEntry> = fc
  .tuple(
    anyObject({ path: anyPath, uid: anyU32, gid: anyU32 }),
    fc.oneof(
      anyObject({ kind: fc.constant('file' as const), state: anyState }),
      anyObject({ kind: fc.constant('directory' as const), mode: fc.nat(0o7777), mtimeNs: anyTimeNs }),
      anyObject({ kind: fc.constant('fifo' as const), mode: fc.nat(0o7777), mtimeNs: anyTimeNs }),
      anyObject({ kind: fc.constant('symlink' as const), target: anyPath, mtimeNs: anyTimeNs }),
    ),
    fc.option(anyXattrs, { nil: undefined }),
    fc.option(anyBytes(16), { nil: undefined }),
  )
  .map(([owner, own, xattrs, linkGroup]) => ({
    ...owner,
    ...own,
    ...(xattrs && { xattrs }),
    ...(linkGroup && own.kind !== 'directory' && { linkGroup }),
  }))

const ascending = <T extends { path: string }>(items: T[]) => items.sort((a, b) => comparePaths(a.path, b.path))
const anyNode: fc.Arbitrary<NodeValue> = fc.oneof(
  fc.uniqueArray(anyEntry, { maxLength: 6, selector: ({ path }) => path }).map((entries) => ({
    level: 0 as const,
    entries: ascending(entries),
  })),
  fc
    .tuple(
      fc.integer({ min: 1, max: HEAD_LEVEL_MAX }),
      fc.uniqueArray(anyObject({ path: anyPath, entries: anyU53.map((count) => count || 1), ref: anyRef }), {
        minLength: 1,
        maxLength: 6,
        selector: ({ path }) => path,
      }),
    )
    .map(([level, children]) => ({ level, children: ascending(children) })),
)

const anyFolder = fc
  .tuple(
    anyObject({
      id: anyBytes(16),
      name: fc.constantFrom('cloud', 'Büro', '?'),
      entries: anyU53,
      plainFiles: anyU53,
      leftOut: anyU53,
      root: anyRef,
    }),
    fc.option(anyObject({ entries: anyU53, ref: anyRef }), { nil: undefined }),
  )
  .map(([folder, index]) => ({ ...folder, ...(index && { index }) }))
const anyBody: fc.Arbitrary<HeadBody> = anyObject({
  madeAtNs: anyTimeNs,
  folders: fc
    .uniqueArray(anyFolder, { maxLength: 4, selector: ({ id }) => id.toString('hex') })
    .map((folders) => folders.sort((a, b) => a.id.compare(b.id))),
})
const anyCount = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const anyLabel: fc.Arbitrary<HeadLabel> = anyObject({
  network: anyBytes(32),
  owner: anyBytes(32),
  device: anyBytes(32),
  incarnation: anyCount,
  sequence: anyCount,
})
const anyRecord: fc.Arbitrary<RecordValue> = anyObject({
  label: anyLabel,
  sealing: anyObject({ keyId: anyBytes(8), epoch: anyU32, salt: anyBytes(16) }),
  sealed: anyBytes({ minLength: 17, maxLength: 300 }),
  signature: anyBytes(64),
})

test('head: any entry, node, body and record comes back', () => {
  fc.assert(fc.property(anyEntry, (entry) => assert.deepEqual(decodeEntry(entry.path, encodeEntry(entry)), entry)))
  fc.assert(fc.property(anyNode, (node) => assert.deepEqual(readNode(encodeNode(node)), node)))
  fc.assert(fc.property(anyBody, (body) => assert.deepEqual(decodeHeadBody(encodeHeadBody(body)), body)))
  fc.assert(fc.property(anyRecord, (record) => assert.deepEqual(readRecord(encodeRecord(record)), record)))
})

test('head: damaged entries, nodes, bodies and records are refused or read, never worse', () => {
  assertRefusesDamage(anyEntry.map(encodeEntry), (bytes) => decodeEntry('x', bytes))
  assertRefusesDamage(anyNode.map(encodeNode), readNode)
  assertRefusesDamage(anyBody.map(encodeHeadBody), decodeHeadBody)
  assertRefusesDamage(anyRecord.map(encodeRecord), readRecord)
})

test('head: the longest entries are items of a node', () => {
  const path = `${'d'.repeat(254)}/`.repeat(17).slice(0, HEAD_PATH_BYTES_MAX)
  assert(isHeadPath(path))
  const xattrs = [{ name: 'user.x', value: Buffer.alloc(XATTRS_BYTES_MAX - 9) }]
  const linkGroup = Buffer.alloc(16)
  const meta = { mode: 0, size: INLINE_BYTES_MAX, mtimeNs: 0n, ctimeNs: 0n }
  const content: Content = { kind: 'inline', bytes: Buffer.alloc(INLINE_BYTES_MAX) }
  const common = { path, uid: 0, gid: 0, xattrs, linkGroup }
  const longest: HeadEntry[] = [
    { ...common, kind: 'file', state: { fileId: Buffer.alloc(16, 1), sequence: 1, meta, content } },
    { ...common, kind: 'symlink', target: 't'.repeat(4095), mtimeNs: 0n },
  ]
  for (const entry of longest) {
    const item = encodeLeafItem(entry)
    assert(item.length <= HEAD_ITEM_BYTES_MAX, `${item.length}`)
    assert.deepEqual(readNode(encodeHeadNode(0, [item])), { level: 0, entries: [entry] })
  }
})

test('head: what is in a directory comes right behind it, and before what sorts after its name', () => {
  const sorted = ['', 'a', 'a/b', 'a/b/c', 'a/b.txt', 'a\x01', 'a b', 'a.txt', 'a\xff', 'b']
  assert.deepEqual(sorted.toReversed().sort(comparePaths), sorted)
  assert.deepEqual(sorted.map(parentPath), [undefined, '', 'a', 'a/b', 'a', '', '', '', '', ''])
})

test('head: names that lead elsewhere are no paths', () => {
  const wrong = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    './a',
    'a/../b',
    'a\0',
    'n'.repeat(256),
    `a/${'n'.repeat(256)}`,
  ]
  for (const path of [...wrong, 'a/'.repeat(2048)]) assert(!isHeadPath(path), path)
  for (const path of ['a', '...', '..a', 'a/.b', 'n'.repeat(255), '\xff\n']) assert(isHeadPath(path), path)
})

test('head: only a newer one of the same device takes the place of another', () => {
  const label = (incarnation: number, sequence: number, device = 1): HeadLabel => ({
    network: Buffer.alloc(32),
    owner: Buffer.alloc(32),
    device: Buffer.alloc(32, device),
    incarnation,
    sequence,
  })
  assert(supersedes(label(1, 2), label(1, 1)))
  assert(supersedes(label(2, 1), label(1, 9)))
  assert(!supersedes(label(1, 1), label(1, 1)))
  assert(!supersedes(label(1, 9), label(2, 1)))
  assert(!supersedes(label(1, 2, 2), label(1, 1)))
})
