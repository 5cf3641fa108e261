/** Real nodes on loopback: who reaches whom, who is kept out, what a restart remembers. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cid } from '../../../src/dfs.ts'
import { DfsError } from '../../../src/errors.ts'
import { deviceIdOf } from '../../../src/format/device-id.ts'
import { streamChannel } from '../../../src/net/framing.ts'
import type { DfsNode } from '../../../src/net/node.ts'
import { identityOfSeed } from '../../../src/seal/key-file.ts'
import { scratch, startNode } from './support/node.ts'

const SIGNAL_MS = 20_000

class Members {
  readonly ids = new Set<string>()
  readonly options = { isMember: (id: string) => this.ids.has(id), membersToReach: () => this.ids }
}

function soon(): AbortSignal {
  return AbortSignal.timeout(SIGNAL_MS)
}

function echo(node: DfsNode, protocol: string, options = {}): Promise<void> {
  return node.handle(
    protocol,
    async (stream) => {
      const channel = streamChannel(stream, { bytesMax: 1_000_000 })
      for await (const frame of channel) await channel.send(frame)
      await channel.close()
    },
    options,
  )
}

async function ask(node: DfsNode, target: string, protocol: string, text: string, options = {}): Promise<string> {
  const channel = streamChannel(await node.open(target, protocol, { signal: soon(), ...options }), {
    bytesMax: 1_000_000,
    signal: soon(),
  })
  await channel.send(Buffer.from(text))
  await channel.close()
  for await (const frame of channel) return frame.toString()
  throw new Error('no answer')
}

function memberUp(node: DfsNode, peerId: string): Promise<void> {
  return memberIs(node, peerId, true)
}

function memberIs(node: DfsNode, peerId: string, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (node.connectedMembers().includes(peerId) === wanted) return resolve()
    const stop = node.onMember((id, isUp) => {
      if (id !== peerId || isUp !== wanted) return
      stop()
      resolve()
    })
  })
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

const isKind = (kind: string) => (error: unknown) => error instanceof DfsError && error.kind === kind

test('who connects with a node that is just starting finds all that it serves', async (t) => {
  const members = new Members()
  const seed = randomBytes(32)
  const late = deviceIdOf(identityOfSeed(seed).publicKey)
  const early = await startNode(t, { ...members.options, membersToReach: () => [] })
  members.ids.add(early.peerId).add(late)
  const answer = memberUp(early, late).then(() => ask(early, late, '/test/late/1', 'are you there?'))
  const serve = async (node: DfsNode) => {
    await sleep(300)
    await echo(node, '/test/late/1')
  }
  await startNode(t, { ...members.options, identitySeed: seed, bootstrap: early.addresses(), serve })
  assert.equal(await answer, 'are you there?')
})

test('the peer id is the id of the device', async (t) => {
  const identitySeed = randomBytes(32)
  const node = await startNode(t, { identitySeed })
  assert.equal(node.peerId, deviceIdOf(identityOfSeed(identitySeed).publicKey))
})

test('members speak with each other, over TLS', async (t) => {
  const [a, b] = [await startNode(t), await startNode(t)]
  await echo(b, '/dfs/echo/1')
  assert.equal(await ask(a, b.addresses()[0]!, '/dfs/echo/1', 'hello'), 'hello')
  assert.equal(a.libp2p.getConnections()[0]!.encryption, '/tls/1.0.0')
  assert.deepEqual(a.connectedMembers(), [b.peerId])
  await assert.rejects(a.open(b.peerId, '/dfs/other/1', { signal: soon() }), isKind('unsupported'))
  await assert.rejects(a.open('/ip4/127.0.0.1/tcp/9', '/dfs/echo/1', { signal: soon() }), isKind('invalid'))
})

test('a stranger may speak only what is open to strangers, and is not let in at all when nothing is', async (t) => {
  const members = new Members()
  const inside = await startNode(t, members.options)
  const stranger = await startNode(t, { isMember: () => true })
  await echo(inside, '/dfs/echo/1')
  const address = inside.addresses()[0]!
  await assert.rejects(ask(stranger, address, '/dfs/echo/1', 'hello'), isKind('unreachable'))
  assert.deepEqual(inside.libp2p.getConnections(), [])

  await echo(inside, '/dfs/pair/1', { membersOnly: false })
  assert.equal(await ask(stranger, address, '/dfs/pair/1', 'let me in'), 'let me in')
  await assert.rejects(ask(stranger, address, '/dfs/echo/1', 'hello'), isKind('unreachable'))
  const kad = '/dfs/testnet/kad/1.0.0'
  for (const protocol of [kad, '/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/ping/1.0.0']) {
    await assert.rejects(ask(stranger, address, protocol, 'hello'), isKind('unreachable'), protocol)
  }
  assert.deepEqual(inside.connectedMembers(), [])
})

test('a node opens no stream to a stranger unless told to', async (t) => {
  const a = await startNode(t, new Members().options)
  const b = await startNode(t)
  await echo(b, '/dfs/pair/1')
  await assert.rejects(a.open(b.addresses()[0]!, '/dfs/pair/1'), isKind('no-permission'))
  assert.equal(await ask(a, b.addresses()[0]!, '/dfs/pair/1', 'hello', { membersOnly: false }), 'hello')
})

test('a stranger who floods is cut short', async (t) => {
  const inside = await startNode(t, new Members().options)
  const stranger = await startNode(t)
  await echo(inside, '/dfs/pair/1', { membersOnly: false })
  const asked = Array.from({ length: 40 }, () => ask(stranger, inside.addresses()[0]!, '/dfs/pair/1', 'hello'))
  const answered = (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled')
  assert.ok(answered.length <= 10, `${answered.length} of 40`)
})

test('who becomes a member is connected as one; who is removed is cut off', async (t) => {
  const members = new Members()
  const [a, b] = [await startNode(t, members.options), await startNode(t, members.options)]
  await echo(b, '/dfs/pair/1', { membersOnly: false })
  await ask(a, b.addresses()[0]!, '/dfs/pair/1', 'hello', { membersOnly: false })
  members.ids.add(a.peerId).add(b.peerId)
  for (const node of [a, b]) node.membersChanged()
  await Promise.all([memberUp(a, b.peerId), memberUp(b, a.peerId)])

  members.ids.delete(b.peerId)
  const gone = memberIs(b, a.peerId, false)
  a.membersChanged()
  await gone
  await assert.rejects(a.open(b.peerId, '/dfs/pair/1'), isKind('no-permission'))
})

test('members are found again after a restart, and at a new port through the DHT', async (t) => {
  const members = new Members()
  const [seedA, seedB] = [randomBytes(32), randomBytes(32)]
  const [dirA, dirB] = [await scratch(t), await scratch(t)]
  const hub = await startNode(t, members.options)
  const first = await startNode(t, { ...members.options, identitySeed: seedA, datastoreDir: dirA })
  const other = await startNode(t, { ...members.options, identitySeed: seedB, datastoreDir: dirB })
  for (const { peerId } of [hub, first, other]) members.ids.add(peerId)
  await first.libp2p.dial(hub.libp2p.getMultiaddrs())
  await other.libp2p.dial(hub.libp2p.getMultiaddrs())
  await Promise.all([memberUp(first, other.peerId), memberUp(other, first.peerId)])

  await Promise.all([first.stop(), other.stop()])
  const [again, moved] = [
    await startNode(t, { ...members.options, identitySeed: seedA, datastoreDir: dirA }),
    await startNode(t, { ...members.options, identitySeed: seedB, datastoreDir: dirB }),
  ]
  await Promise.all([memberUp(again, hub.peerId), memberUp(moved, hub.peerId), memberUp(again, moved.peerId)])
})

test('providers are found through a third node; with nobody known, nothing is found at once', async (t) => {
  const cid = 'bafkr4ihs7fzlmzr6gmlhhsmlcxyvtqyzkxsxqo2dxzx2gbnhjvqhcqgqwy' as Cid
  const [a, b, hub] = [await startNode(t), await startNode(t), await startNode(t)]
  assert.deepEqual(await allOf(a.providers.findProviders(cid)), [])
  await a.providers.provide([cid])
  await a.libp2p.dial(hub.libp2p.getMultiaddrs())
  await b.libp2p.dial(hub.libp2p.getMultiaddrs())
  const until = soon()
  for (;;) {
    const found = await allOf(b.providers.findProviders(cid, { signal: until }))
    if (found.some(({ peerId }) => peerId === a.peerId)) break
    assert.ok(!until.aborted, 'found in time')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.ok((await b.providers.findDevice(a.peerId, { signal: until })).length > 0)
})

test('a taken port is an error if it was asked for, else the next free one is used', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const hosts = ['127.0.0.1']
  await assert.rejects(startNode(t, { listen: { port, explicit: true, hosts } }), isKind('busy'))
  const node = await startNode(t, { listen: { port, hosts } })
  assert.ok(node.port > port)
})
