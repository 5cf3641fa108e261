import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeSyncMessage, encodeSyncMessage, SYNC_ENTRIES_MAX } from '../../../../src/format/sync-message.ts'
import { DeviceNetwork, type LinkedDevice, storeWith } from './linked-devices.ts'

const FOLDER = '0a'.repeat(16)
const OTHER = '0b'.repeat(16)

/** Devices that have the folder and are connected. */
async function connected(...names: string[]): Promise<[DeviceNetwork, ...LinkedDevice[]]> {
  const net = new DeviceNetwork()
  const devices = names.map((name) => net.add(name))
  for (const device of devices) await device.open(FOLDER)
  net.connectAll()
  return [net, ...devices]
}

async function assertEqual(folder: string, ...devices: LinkedDevice[]): Promise<void> {
  const [first, ...others] = await Promise.all(devices.map((device) => device.entries(folder)))
  for (const other of others) assert.deepEqual(other, first)
}

/** Each kind of message that one sent another, in order. */
function recorded(net: DeviceNetwork): string[] {
  const said: string[] = []
  const { fate } = net
  net.fate = (from, to, message) => {
    said.push(`${from.name}>${to.name} ${decodeSyncMessage(message).kind}`)
    return fate(from, to, message)
  }
  return said
}

describe('links between own devices', () => {
  it('bring what one has to the others, and what changes later', async () => {
    const [net, ann, bob, cas] = await connected('ann', 'bob', 'cas')
    await ann!.create(FOLDER, 5)
    await bob!.create(FOLDER, 5)
    await net.settle(FOLDER)
    assert.equal(Object.keys(await cas!.entries(FOLDER)).length, 10)
    await assertEqual(FOLDER, ann!, bob!, cas!)
    await cas!.create(FOLDER)
    assert(!cas!.links.isSettled(FOLDER))
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann!, bob!, cas!)
    assert(ann!.taken.get(FOLDER)! > 0)
  })

  it('tell when all that are connected have what was changed, and who has not', async () => {
    const [net, ann, bob, cas] = await connected('ann', 'bob', 'cas')
    await net.settle(FOLDER)
    await ann!.create(FOLDER)
    const settled = ann!.links.untilSettled(FOLDER, new AbortController().signal)
    assert.deepEqual(ann!.links.unsettled(FOLDER), ['bob', 'cas'])
    await net.settle(FOLDER)
    await settled
    assert.deepEqual(ann!.links.unsettled(FOLDER), [])

    net.fate = (_, to) => (to === bob ? [] : [0])
    await ann!.create(FOLDER)
    const patience = new AbortController()
    const given = ann!.links.untilSettled(FOLDER, patience.signal)
    await net.clock.sleep(60_000)
    patience.abort()
    await given
    assert.deepEqual(ann!.links.unsettled(FOLDER), ['bob'])
    net.disconnect(ann!, bob!)
    await ann!.links.untilSettled(FOLDER, new AbortController().signal)
    assert(ann!.links.isSettled(FOLDER))
    assert.equal(Object.keys(await cas!.entries(FOLDER)).length, 2)
  })

  it('bring it through a device between them', async () => {
    const net = new DeviceNetwork()
    const [ann, bob, cas] = [net.add('ann'), net.add('bob'), net.add('cas')]
    for (const device of net.devices) await device.open(FOLDER)
    net.connect(ann, bob)
    net.connect(bob, cas)
    await ann.create(FOLDER, 3)
    while (Object.keys(await cas.entries(FOLDER)).length < 3) await net.clock.sleep(100)
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann, bob, cas)
  })

  it('come to rest when all have the same', async () => {
    const [net, ann] = await connected('ann', 'bob')
    await ann!.create(FOLDER, 3)
    await net.settle(FOLDER)
    await net.clock.sleep(1000)
    const said = recorded(net)
    await net.clock.sleep(3_600_000)
    assert.deepEqual(said, [])
  })

  it('send as many messages as there are batches, four of them before the first is kept', async () => {
    const [net, ann, bob] = await connected('ann', 'bob')
    await net.settle(FOLDER)
    const said = recorded(net)
    await ann!.create(FOLDER, 6 * SYNC_ENTRIES_MAX)
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann!, bob!)
    const ofAnn = said.filter((one) => one === 'ann>bob entries' || one === 'bob>ann kept')
    assert.deepEqual(ofAnn.slice(0, 5), [...Array(4).fill('ann>bob entries'), 'bob>ann kept'])
    assert.equal(ofAnn.length, 12)
  })

  it('begin by themselves when a folder is opened on the second device, whichever that is', async () => {
    for (const first of [0, 1]) {
      const net = new DeviceNetwork()
      const devices = [net.add('ann'), net.add('bob')]
      net.connectAll()
      const [early, late] = [devices[first]!, devices[1 - first]!]
      await early.open(FOLDER)
      await early.create(FOLDER, 2)
      await net.clock.sleep(3_600_000)
      await late.open(FOLDER)
      const said = recorded(net)
      await net.settle(FOLDER)
      await assertEqual(FOLDER, early, late)
      assert(said.length < 20, 'nothing is said without need')
    }
  })

  it('keep folders apart, and go on with the others when one is removed', async () => {
    const [net, ann, bob] = await connected('ann', 'bob')
    await ann!.open(OTHER)
    await bob!.open(OTHER)
    await ann!.create(OTHER, 2)
    await ann!.create(FOLDER, 3)
    await net.settle(FOLDER)
    await net.settle(OTHER)
    await assertEqual(FOLDER, ann!, bob!)
    await assertEqual(OTHER, ann!, bob!)
    await bob!.close(FOLDER)
    await ann!.create(FOLDER)
    await ann!.create(OTHER)
    await net.settle(OTHER)
    await assertEqual(OTHER, ann!, bob!)
    await bob!.open(FOLDER)
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann!, bob!)
  })

  it('do not use an index once it is removed', async () => {
    const [net, ann, bob] = await connected('ann', 'bob')
    let isRemoved = false
    const slow = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    bob!.wrap = (store) =>
      storeWith(store, {
        readCursor: async (device) => {
          assert(!isRemoved)
          return store.readCursor(device)
        },
        write: async (batch) => {
          if (batch.entries.length === 0) return store.write(batch)
          asked.resolve()
          await slow.promise
          assert(!isRemoved)
          await store.write(batch)
        },
      })
    await bob!.restart()
    await ann!.create(FOLDER)
    await net.clock.run(asked.promise)
    const removing = bob!.links.remove(FOLDER).then(() => (isRemoved = true))
    await net.clock.sleep(1000)
    assert(!isRemoved, 'it waits for what is being written')
    slow.resolve()
    await net.clock.run(removing)
    await ann!.create(FOLDER)
    await net.clock.sleep(100_000)
  })

  it('speak with own devices alone', async () => {
    const net = new DeviceNetwork()
    const [ann, bob] = [net.add('ann'), net.add('bob', 'a friend')]
    await ann.open(FOLDER)
    await bob.open(FOLDER)
    const said = recorded(net)
    net.connectAll()
    await ann.create(FOLDER)
    await net.clock.sleep(100_000)
    assert.deepEqual(said, [])
    const cursor = { indexId: '0c'.repeat(16), sequence: 7 }
    const hello = encodeSyncMessage({
      kind: 'hello',
      folder: Buffer.from(FOLDER, 'hex'),
      own: cursor,
      known: undefined,
      wantsAnswer: true,
    })
    await assert.rejects(ann.receive('bob', hello), { kind: 'no-permission' })
    await assert.rejects(ann.receive('stranger', hello), { kind: 'no-permission' })
    await net.clock.sleep(100_000)
    assert.deepEqual(said, [])
    assert(ann.links.isSettled(FOLDER))
  })

  it('begin with a device that turns out to be an own one after it connected', async () => {
    const net = new DeviceNetwork()
    const [ann, bob] = [net.add('ann'), net.add('bob')]
    let isKnown = false
    Object.defineProperty(bob, 'owner', { get: () => (isKnown ? 'me' : 'nobody yet') })
    await ann.open(FOLDER)
    net.connectAll()
    isKnown = true
    await bob.open(FOLDER)
    await ann.create(FOLDER)
    while (Object.keys(await bob.entries(FOLDER)).length === 0) await net.clock.sleep(100)
    await net.settle(FOLDER)
  })

  it('tell which folders there are, and what changed of them, also where messages are lost', async () => {
    const net = new DeviceNetwork()
    const [ann, bob] = [net.add('ann'), net.add('bob')]
    let lost = 0
    net.fate = () => (lost++ < 3 ? [] : [0])
    await ann.open(FOLDER)
    net.connectAll()
    await net.clock.sleep(120_000)
    assert.deepEqual(bob.told.get('ann'), [{ id: FOLDER, name: 'folder 0a0a' }])
    assert.deepEqual(ann.told.get('bob'), [])
    assert(ann.links.isSettled(FOLDER), 'the other does not have the folder')
    lost = 2
    await bob.open(OTHER)
    await net.clock.sleep(120_000)
    assert.deepEqual(ann.told.get('bob'), [{ id: OTHER, name: 'folder 0b0b' }])
    const said = recorded(net)
    ann.links.foldersChanged()
    await net.clock.sleep(1000)
    assert.deepEqual(said, ['ann>bob folders', 'bob>ann folders'])
  })

  it('refuse what is no message, and go on', async () => {
    const [net, ann, bob] = await connected('ann', 'bob')
    await ann!.create(FOLDER)
    await assert.rejects(bob!.receive('ann', Buffer.from('nonsense')), { kind: 'newer-version' })
    await assert.rejects(bob!.receive('ann', Buffer.alloc(0)), { kind: 'corrupt' })
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann!, bob!)
  })

  it('rest where entries cannot be read, and nowhere else', async (t) => {
    const warned = t.mock.method(process.stderr, 'write', () => true)
    const [net, ann, bob, cas] = await connected('ann', 'bob', 'cas')
    await ann!.open(OTHER)
    await bob!.open(OTHER)
    await net.settle(FOLDER)
    const { fate } = net
    net.fate = (from, to, bytes) => {
      const message = decodeSyncMessage(bytes)
      const isSpoilt = from === ann && to === bob && message.kind === 'entries'
      if (!isSpoilt || !message.folder.equals(Buffer.from(FOLDER, 'hex'))) return fate(from, to, bytes)
      const spoilt = encodeSyncMessage({ ...message, entries: [Buffer.from('nonsense')] })
      void to.receive(from.name, spoilt)
      return []
    }
    await ann!.create(FOLDER)
    await ann!.create(OTHER)
    await net.clock.sleep(3_600_000)
    await assertEqual(FOLDER, ann!, bob!, cas!)
    await assertEqual(OTHER, ann!, bob!)
    assert.equal(warned.mock.callCount(), 1)
    assert.match(String(warned.mock.calls[0]!.arguments[0]), /what ann says of a folder cannot be read/)
  })

  it('try again when the disk fails, and tell of it once', async (t) => {
    const warned = t.mock.method(process.stderr, 'write', () => true)
    const [net, ann, bob] = await connected('ann', 'bob')
    let failures = 3
    bob!.wrap = (store) =>
      storeWith(store, {
        write: async (batch) => {
          if (batch.entries.length > 0 && failures-- > 0) throw new Error('no space')
          await store.write(batch)
        },
      })
    await bob!.restart()
    await ann!.create(FOLDER)
    await net.settle(FOLDER)
    await assertEqual(FOLDER, ann!, bob!)
    assert(failures < 0)
    assert.equal(warned.mock.callCount(), 1)
  })

  it('begin anew with an index that was set back', async () => {
    const [net, ann, bob, cas] = await connected('ann', 'bob', 'cas')
    await ann!.create(FOLDER, 3)
    await net.settle(FOLDER)
    const backup = ann!.stores.get(FOLDER)!.copy()
    await ann!.create(FOLDER, 4)
    await net.settle(FOLDER)
    ann!.stores.set(FOLDER, backup)
    const writer = ann!.indexes.get(FOLDER)!.writer
    await ann!.restart()
    await net.settle(FOLDER)
    await ann!.create(FOLDER)
    await net.settle(FOLDER)
    assert.notEqual(ann!.indexes.get(FOLDER)!.writer, writer)
    assert.equal(Object.keys(await ann!.entries(FOLDER)).length, 8)
    await assertEqual(FOLDER, ann!, bob!, cas!)
  })
})
