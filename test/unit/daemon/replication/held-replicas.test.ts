import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeldReplicas } from '../../../../src/daemon/replication/held-replicas.ts'
import type { PlacedFile } from '../../../../src/dfs.ts'
import { blocksOf, FakeHolds, FakeMembers, streamOf } from './support.ts'

const FILE: PlacedFile = {
  folderId: Buffer.alloc(16),
  path: 'file',
  state: {
    fileId: Buffer.alloc(16),
    sequence: 1,
    meta: { mode: 0o644, size: 0, mtimeNs: 0n, ctimeNs: 0n },
    content: { kind: 'inline', bytes: Buffer.alloc(0) },
  },
}

function setUp(keepers: readonly string[]) {
  const holds = new FakeHolds(new FakeMembers({ desktop: 'me', nas: 'me', friend: 'them', "friend's other": 'them' }))
  const replicas = new HeldReplicas({
    holds,
    heads: { keepersOf: async () => keepers },
    members: holds.members,
    replicas: () => 2,
  })
  const count = async (blocks = blocksOf(600)) =>
    (await replicas.count(FILE, streamOf(blocks.map(({ cid }) => cid)))).counted
  const hold = (holders: readonly string[], from = 0, to = 600) => {
    for (const { cid } of blocksOf(600).slice(from, to)) holds.ledger.set(cid, new Set(holders))
  }
  return { holds, count, hold }
}

describe('the N of replicated N/M', () => {
  it('is that of the block with the fewest', async () => {
    const { count, hold } = setUp(['desktop', 'nas', 'friend'])
    hold(['desktop', 'nas', 'friend'])
    assert.equal(await count(), 3)
    hold(['nas'], 599)
    assert.equal(await count(), 1)
    hold([], 300, 301)
    assert.equal(await count(), 0)
  })

  it('is no more than keep the head, who need not be those that hold the blocks', async () => {
    const { count, hold } = setUp(['desktop'])
    hold(['desktop', 'nas'])
    assert.equal(await count(), 1)
    hold(['nas', 'friend'])
    assert.equal(await count(), 1)
    hold([])
    assert.equal(await count(), 0)
    const nobody = setUp([])
    nobody.hold(['nas', 'friend'])
    assert.equal(await nobody.count(), 0)
  })

  it('counts the devices of another owner once, and no one who is no member', async () => {
    const { holds, count, hold } = setUp(['nas', 'friend', "friend's other", 'stranger'])
    hold(['nas', 'friend', "friend's other", 'stranger'])
    assert.equal(await count(), 2)
    holds.members.owners.delete('nas')
    assert.equal(await count(), 1)
  })

  it('of a file without blocks is that of the keepers', async () => {
    assert.equal(await setUp(['desktop', 'friend']).count([]), 2)
  })
})
