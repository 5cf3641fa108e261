import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askMembers, foldersIn, newestHeads } from '../../../../src/daemon/heads/found-heads.ts'
import type { BlockRef } from '../../../../src/dfs.ts'
import { cidOfDigest } from '../../../../src/format/cid.ts'
import { deviceIdOf } from '../../../../src/format/device-id.ts'
import type { HeadFolder, HeadLabel } from '../../../../src/format/head-record.ts'
import { sealHead } from '../../../../src/seal/head-seal.ts'
import { Keys } from '../../../../src/seal/keys.ts'
import { signingKeyOfSeed } from '../../../../src/seal/signing.ts'
import { KEYS } from '../../sync/support.ts'

const IDENTITY = { kind: 'private' as const, network: Buffer.alloc(32, 1), owner: Buffer.alloc(32, 2) }
const NEVER = new AbortController().signal
const TIMES = { waitMs: 300, othersMs: 50 }
const ref: BlockRef = {
  cid: cidOfDigest(Buffer.alloc(32, 5)),
  key: Buffer.alloc(32),
  hash: Buffer.alloc(32),
  plainBytes: 1,
  sealedBytes: 1,
}

function folder(id: number, name = `folder ${id}`): HeadFolder {
  return { id: Buffer.alloc(16, id), name, entries: 1, plainFiles: 0, leftOut: 0, root: ref }
}

interface Told {
  readonly madeAtNs?: bigint
  readonly folders?: readonly HeadFolder[]
  readonly keys?: Keys
  readonly label?: Partial<HeadLabel>
}

function recordOf(device: number, sequence: number, { madeAtNs = 0n, folders = [], keys = KEYS, label }: Told = {}) {
  const signer = signingKeyOfSeed(Buffer.alloc(32, device))
  const { network, owner } = IDENTITY
  const whole = { network, owner, device: signer.publicKey, incarnation: 1, sequence, ...label }
  return sealHead(whole, { madeAtNs, folders }, { keys, device: signer })
}

test('every member that is connected is asked, and asked again while it does not take this device for one', async () => {
  const connected = ['a']
  let refusals = 2
  const asked: string[] = []
  const { records, members } = await askMembers({
    connected: () => connected,
    ask: async (device) => {
      asked.push(device)
      if (device === 'a') setTimeout(() => connected.push('b'), 10)
      if (device === 'b' && refusals-- > 0) throw new Error('a stranger')
      return [Buffer.from(device)]
    },
    signal: NEVER,
    waitMs: 10_000,
    othersMs: 2_000,
  })
  assert.deepEqual([records.map(String), members, asked], [['a', 'b'], 2, ['a', 'b', 'b', 'b']])
})

test('asking ends when nobody is there, and when it is broken off', async () => {
  const ask = async () => []
  assert.deepEqual(await askMembers({ connected: () => [], ask, signal: NEVER, ...TIMES }), { records: [], members: 0 })
  await assert.rejects(askMembers({ connected: () => [], ask, signal: AbortSignal.timeout(20), waitMs: 60_000 }))
})

test('of each device the newest head counts, and only what is signed, of this owner, and can be opened', () => {
  const forged = recordOf(1, 99)
  forged[160]! ^= 1
  const records = [
    recordOf(1, 5, { madeAtNs: 10n }),
    recordOf(1, 7, { madeAtNs: 9n }),
    recordOf(1, 6),
    recordOf(2, 1, { madeAtNs: 20n }),
    forged,
    recordOf(3, 1, { label: { owner: Buffer.alloc(32, 9) } }),
    recordOf(4, 1, { label: { network: Buffer.alloc(32, 9) } }),
    recordOf(5, 1, { keys: Keys.derive(Buffer.alloc(32, 77)) }),
    Buffer.from('nonsense'),
  ]
  const heads = newestHeads(records, { keys: KEYS, identity: IDENTITY })
  const idOf = (device: number) => deviceIdOf(signingKeyOfSeed(Buffer.alloc(32, device)).publicKey)
  assert.deepEqual(
    heads.map(({ device, label }) => [device, label.sequence]),
    [
      [idOf(2), 1],
      [idOf(1), 7],
    ],
  )
})

test('a folder that several devices tell of is one, with the name that the newest gives it', () => {
  const records = [
    recordOf(1, 1, { madeAtNs: 10n, folders: [folder(1, 'old'), folder(2)] }),
    recordOf(2, 1, { madeAtNs: 20n, folders: [folder(1, 'new')] }),
  ]
  const found = foldersIn(newestHeads(records, { keys: KEYS, identity: IDENTITY }))
  assert.deepEqual(
    found.map(({ id, name, heads }) => [id[0], name, heads.length]),
    [
      [1, 'new', 2],
      [2, 'folder 2', 1],
    ],
  )
})
