/**
 * Random histories of devices whose links run as in the daemon, many of them at once: a network that delays, reorders,
 * doubles, loses and refuses, connections that break within anything, folders that are closed and opened, devices that
 * stop, and one whose disk is put back. In the end all have equal indexes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import type { SyncStore } from '../../../src/sync/sync-store.ts'
import { DeviceNetwork, type Fate, type LinkedDevice, storeWith } from '../../unit/daemon/sync/linked-devices.ts'

const HISTORIES = 300 * Number(process.env.DFS_MODEL_SYNC || 1)
const FOLDERS = ['0a'.repeat(16), '0b'.repeat(16)]
const STEPS_MAX = 60
/** So few that much is under way. */
const ENTRIES_IN_MESSAGE = 2
/** Within this time everything is said again that may have been lost, however often it was before. */
const SILENT_MS = 700_000
const WEIGHTS = {
  create: 6,
  edit: 10,
  connect: 6,
  disconnect: 4,
  sleep: 8,
  reopen: 2,
  restart: 2,
  backUp: 1,
  setBack: 1,
  network: 2,
}

class LinkedHistory {
  readonly #net: DeviceNetwork
  readonly #objects = new Map<string, string[]>(FOLDERS.map((folder) => [folder, []]))
  #backup: Map<string, MemorySyncStore> | undefined

  constructor(seed: number) {
    this.#net = new DeviceNetwork(seed)
    const names = ['ann', 'bob', 'cas', 'dee'].slice(0, 2 + this.#net.random.below(3))
    const wrap = (store: SyncStore) =>
      storeWith(store, {
        readChanges: (after, { bytes }) => store.readChanges(after, { entries: ENTRIES_IN_MESSAGE, bytes }),
      })
    for (const name of names) this.#net.add(name).wrap = wrap
  }

  async run(): Promise<void> {
    const { random, devices } = this.#net
    for (const device of devices) for (const folder of FOLDERS) if (!random.oneIn(4)) await device.open(folder)
    for (let left = random.below(STEPS_MAX); left > 0; left--) await this.#step()
    this.#net.fate = () => [0]
    for (const device of devices) {
      for (const folder of FOLDERS) if (!device.indexes.has(folder)) await device.open(folder)
    }
    this.#net.connectAll()
    await this.#net.clock.sleep(SILENT_MS)
    for (const folder of FOLDERS) await this.#net.settle(folder)
    for (const folder of FOLDERS) {
      const [first, ...others] = await Promise.all(devices.map((device) => device.entries(folder)))
      for (const other of others) assert.deepEqual(other, first)
    }
  }

  async #step(): Promise<void> {
    const { random, clock, devices } = this.#net
    const [device, other, folder] = [random.pick(devices), random.pick(devices), random.pick(FOLDERS)]
    const objects = this.#objects.get(folder)!
    switch (random.weighted(WEIGHTS)) {
      case 'create':
        if (device.indexes.has(folder)) objects.push(...(await device.create(folder, 1 + random.below(3))))
        return
      case 'edit':
        if (device.indexes.has(folder) && objects.length > 0)
          await device.edit(folder, random.pick(objects), random.below(1000))
        return
      case 'connect':
        return this.#net.connect(device, other)
      case 'disconnect':
        return this.#net.disconnect(device, other)
      case 'sleep':
        return clock.sleep(random.below(random.oneIn(4) ? 60_000 : 500))
      case 'reopen':
        if (device.indexes.has(folder)) await clock.run(device.close(folder))
        else await device.open(folder)
        return
      case 'restart':
        return clock.run(device.restart())
      case 'backUp':
        this.#backup = new Map([...devices[0]!.stores].map(([id, store]) => [id, store.copy()]))
        return
      case 'setBack':
        return this.#setBack(devices[0]!)
      case 'network':
        this.#net.fate = this.#newFate()
    }
  }

  /** The disk is as it was when it was backed up; folders that were not there then are not open. */
  async #setBack(device: LinkedDevice): Promise<void> {
    if (this.#backup === undefined) return
    for (const folder of FOLDERS) {
      const store = this.#backup.get(folder)
      if (store !== undefined) device.stores.set(folder, store.copy())
    }
    await this.#net.clock.run(device.restart({ isSetBack: true }))
  }

  #newFate(): () => Fate {
    const { random } = this.#net
    const [delayMs, loses, refuses] = [1 + random.below(5000), 2 + random.below(8), 2 + random.below(20)]
    return () => {
      if (random.oneIn(loses)) return []
      if (random.oneIn(refuses)) return 'refused'
      return Array.from({ length: random.oneIn(5) ? 2 : 1 }, () => random.below(delayMs))
    }
  }
}

test(`${HISTORIES} histories of linked devices end with equal indexes`, async (t) => {
  t.mock.method(process.stderr, 'write', () => true)
  for (let seed = 1; seed <= HISTORIES; seed++) {
    try {
      await new LinkedHistory(seed).run()
    } catch (error) {
      throw new Error(`history ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
})
