/** Links between real nodes on loopback: own devices exchange a folder, and a friend's device is refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { SyncLinks } from '../../../../src/daemon/sync/sync-links.ts'
import { deviceIdOf } from '../../../../src/format/device-id.ts'
import { ROOT_ID } from '../../../../src/format/sync-entry.ts'
import type { SyncFolder } from '../../../../src/format/sync-folders.ts'
import { encodeSyncMessage } from '../../../../src/format/sync-message.ts'
import { streamChannel } from '../../../../src/net/framing.ts'
import { MessageStreams } from '../../../../src/net/message-streams.ts'
import { createNode, type DfsNode } from '../../../../src/net/node.ts'
import { SYNC_PROTOCOL } from '../../../../src/net/sync-calls.ts'
import { identityOfSeed } from '../../../../src/seal/key-file.ts'
import { createEntry } from '../../../../src/sync/entry-change.ts'
import { MemorySyncStore } from '../../../../src/sync/memory-sync-store.ts'
import { SyncIndex } from '../../../../src/sync/sync-index.ts'

const FOLDER = '0a'.repeat(16)
const ENTRIES = 3000
const TIMEOUT = { timeout: 60_000 }

/** Who there is, and whose it is. */
class Owners {
  readonly owners = new Map<string, string>()

  isOwn(device: string, other: string): boolean {
    return device !== other && this.owners.get(device) === this.owners.get(other)
  }
}

interface DeviceOptions {
  readonly owner: string
  readonly owners: Owners
  readonly near?: Device
  readonly onTaken?: () => void
}

class Device {
  readonly node: DfsNode
  readonly links: SyncLinks
  readonly index: SyncIndex
  readonly told = new Map<string, readonly SyncFolder[]>()

  private constructor(parts: Pick<Device, 'node' | 'links' | 'index' | 'told'>) {
    this.node = parts.node
    this.links = parts.links
    this.index = parts.index
    this.told = parts.told
  }

  static async start(t: TestContext, { owner, owners, near, onTaken = () => {} }: DeviceOptions): Promise<Device> {
    const identitySeed = randomBytes(32)
    const self = deviceIdOf(identityOfSeed(identitySeed).publicKey)
    owners.owners.set(self, owner)
    const isOwn = (other: string) => owners.isOwn(self, other)
    const datastoreDir = await mkdtemp(path.join(os.tmpdir(), 'dfs-sync-'))
    t.after(() => rm(datastoreDir, { recursive: true, force: true }))
    const told = new Map<string, readonly SyncFolder[]>()
    const index = await SyncIndex.open(new MemorySyncStore(), beginning())
    let streams: MessageStreams | undefined
    const links = new SyncLinks({
      send: async (to, message) => streams?.send(to, message),
      isOwn,
      ownFolders: () => [{ id: FOLDER, name: owner }],
      onFolders: (device, folders) => void told.set(device, folders),
      newBeginning: beginning,
    })
    t.after(() => links[Symbol.asyncDispose]())
    links.add(FOLDER, index, onTaken)
    const node = await createNode({
      identitySeed,
      networkId: 'testnet',
      listen: { port: 0, hosts: ['127.0.0.1'] },
      isMember: (id) => owners.owners.has(id),
      membersToReach: () => [...owners.owners.keys()].filter((id) => id !== self),
      bootstrap: near?.node.addresses() ?? [],
      datastoreDir,
      serve: async (starting) => {
        streams = new MessageStreams({
          ...SYNC_PROTOCOL,
          node: starting,
          isPartner: isOwn,
          onMessage: (from, message) => links.receive(from, Buffer.from(message)),
        })
        await streams.start()
        starting.onMember((id, isUp) => links.memberUp(id, isUp))
      },
    })
    t.after(() => node.stop())
    return new Device({ node, links, index, told })
  }

  async create(count: number): Promise<void> {
    await this.index.change(async (change) => {
      for (let number = 0; number < count; number++) {
        const id = randomBytes(16).toString('hex')
        const attributes = { mode: 0o644, uid: 1, gid: 1, xattrs: [] }
        const content = { kind: 'symlink', target: `${number}` } as const
        // Each in a directory of its own: memory is slow with many in one.
        const place = { parent: number === 0 ? ROOT_ID : id, name: id }
        await change.put(createEntry({ id, kind: 'symlink', place, content, mtimeNs: 1n, attributes }, change.stamp()))
      }
    })
    this.links.changed(FOLDER)
  }
}

function beginning() {
  return { indexId: randomBytes(16).toString('hex'), newWriter: randomBytes(16).toString('hex') }
}

function memberUp(node: DfsNode, peerId: string): Promise<void> {
  return new Promise((resolve) => {
    if (node.connectedMembers().includes(peerId)) return resolve()
    const stop = node.onMember((id, isUp) => {
      if (id !== peerId || !isUp) return
      stop()
      resolve()
    })
  })
}

test('own devices exchange a folder as soon as they meet, and what changes later', TIMEOUT, async (t) => {
  const owners = new Owners()
  const wanted = { count: ENTRIES, ...Promise.withResolvers<void>() }
  const ann = await Device.start(t, { owner: 'me', owners })
  await ann.create(ENTRIES)
  const onTaken = () => {
    if (bob.index.own.sequence >= wanted.count) wanted.resolve()
  }
  const bob: Device = await Device.start(t, { owner: 'me', owners, near: ann, onTaken: () => onTaken() })
  onTaken()
  await wanted.promise
  Object.assign(wanted, { count: ENTRIES + 1, ...Promise.withResolvers<void>() })
  await ann.create(1)
  await wanted.promise
  assert.equal(ann.index.own.sequence, bob.index.own.sequence)
  assert.deepEqual(bob.told.get(ann.node.peerId), [{ id: FOLDER, name: 'me' }])
})

test("a friend's device is told nothing, and heard of nothing", TIMEOUT, async (t) => {
  const owners = new Owners()
  const ann = await Device.start(t, { owner: 'me', owners })
  const friend = await Device.start(t, { owner: 'a friend', owners, near: ann })
  await Promise.all([memberUp(ann.node, friend.node.peerId), memberUp(friend.node, ann.node.peerId)])
  await ann.create(1)
  const channel = streamChannel(await friend.node.open(ann.node.peerId, SYNC_PROTOCOL.protocol), {
    bytesMax: 1_000_000,
  })
  const own = { indexId: '0b'.repeat(16), sequence: 1 }
  const hello = { kind: 'hello', folder: Buffer.from(FOLDER, 'hex'), own, known: undefined, wantsAnswer: true } as const
  const folders = { kind: 'folders', wantsAnswer: true, folders: [] } as const
  for (const message of [folders, hello]) channel.send(encodeSyncMessage(message)).catch(() => undefined)
  await assert.rejects(async () => {
    for await (const _ of channel) assert.fail('it answers')
  })
  assert.deepEqual([...ann.told], [])
  assert.deepEqual([...friend.told], [])
  assert.equal(friend.index.own.sequence, 0)
})
