/**
 * How fast the index of a synced folder goes from one device to another that has nothing of it: two processes on loopback,
 * each with the network's streams and the index in one thread, and databases in TMPDIR.
 * `node test/scale/sync-links.ts [FILES]`
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { SyncLinks } from '../../src/daemon/sync/sync-links.ts'
import { ROOT_ID, type SyncEntry } from '../../src/format/sync-entry.ts'
import { MessageStreams } from '../../src/net/message-streams.ts'
import { createNode } from '../../src/net/node.ts'
import { SYNC_PROTOCOL } from '../../src/net/sync-calls.ts'
import { Keys } from '../../src/seal/keys.ts'
import { SyncIndexDb } from '../../src/store/sync-index-db.ts'
import { createEntry } from '../../src/sync/entry-change.ts'
import { SyncIndex } from '../../src/sync/sync-index.ts'

const FILES = Number(process.argv[2] ?? 100_000)
const PER_DIRECTORY = 100
const FOLDER = '0a'.repeat(16)
const MADE_AT_ONCE = 1000
const [role = 'sender', near] = process.argv.slice(3)

const dir = mkdtempSync(path.join(tmpdir(), 'dfs-sync-links-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

const keys = Keys.derive(Buffer.alloc(32, 7))
const db = await SyncIndexDb.open(path.join(dir, 'index'), keys)
const index = await SyncIndex.open(db, beginning())
if (role === 'sender') await makeEntries()

let streams: MessageStreams | undefined
let bytes = 0
const startMs = { connected: 0 }
const delays = monitorEventLoopDelay({ resolution: 1 })
const links = new SyncLinks({
  send: async (to, message) => {
    bytes += message.length
    await streams?.send(to, message)
  },
  isOwn: () => true,
  ownFolders: () => [{ id: FOLDER, name: 'folder' }],
  onFolders: () => {},
  newBeginning: beginning,
})
links.add(FOLDER, index, () => {
  if (role === 'receiver' && index.own.sequence === FILES) report('has all')
})
const node = await createNode({
  identitySeed: randomBytes(32),
  networkId: 'testnet',
  listen: { port: 0, hosts: ['127.0.0.1'] },
  isMember: () => true,
  bootstrap: near === undefined ? [] : [near],
  datastoreDir: path.join(dir, 'peers'),
  serve: async (starting) => {
    streams = new MessageStreams({
      ...SYNC_PROTOCOL,
      node: starting,
      onMessage: (from, message) => links.receive(from, Buffer.from(message)),
    })
    await streams.start()
    starting.onMember((id, isUp) => {
      startMs.connected = performance.now()
      delays.enable()
      links.memberUp(id, isUp)
    })
  },
})
if (role === 'sender') {
  const receiver = fork(process.argv[1]!, [String(FILES), 'receiver', node.addresses()[0]!])
  const settled = setInterval(() => {
    if (startMs.connected === 0 || !links.isSettled(FOLDER)) return
    clearInterval(settled)
    report('all is acknowledged')
    receiver.kill()
    receiver.once('exit', () => process.exit())
  }, 20)
}

function report(what: string): void {
  const seconds = (performance.now() - startMs.connected) / 1000
  const { user, system } = process.cpuUsage()
  const mib = (count: number) => Math.round(count / 1024 ** 2)
  console.log(
    `${role}: ${what} ${seconds.toFixed(1)} s after they met, ${Math.round(FILES / seconds)} entries/s, sent ${mib(bytes)} MiB; ` +
      `loop delayed by ${Math.round(delays.percentile(99) / 1e6)} ms (99 of 100), ${Math.round(delays.max / 1e6)} ms at most; ` +
      `${((user + system) / 1e6).toFixed(1)} s of processor in all; resident ${mib(process.memoryUsage().rss)} MiB`,
  )
}

/** Directories of a hundred, each before what is in it; files of one block. */
async function makeEntries(): Promise<void> {
  let directory = ROOT_ID
  for (let made = 0; made < FILES; ) {
    await index.change(async (change) => {
      const entries: SyncEntry[] = []
      for (const end = Math.min(FILES, made + MADE_AT_ONCE); made < end; made++) {
        const id = randomBytes(16).toString('hex')
        const isDirectory = made % PER_DIRECTORY === 0
        const parent = isDirectory ? ROOT_ID : directory
        if (isDirectory) directory = id
        const attributes = { mode: 0o644, uid: 1000, gid: 1000, xattrs: [] }
        const place = { parent, name: `a photo of some day ${made}.jpg` }
        const common = { id, place, mtimeNs: BigInt(made), attributes }
        const nothing = { kind: 'nothing' } as const
        entries.push(
          isDirectory
            ? createEntry({ ...common, kind: 'directory', content: nothing }, change.stamp())
            : createEntry({ ...common, kind: 'file', content: fileOfOneBlock() }, change.stamp()),
        )
      }
      await change.read(entries.map(({ id }) => id))
      for (const entry of entries) await change.put(entry)
    })
  }
}

/** Its keys and hashes do not compress. */
function fileOfOneBlock() {
  const node = Buffer.concat([Buffer.from([1, 0, 1, 0]), randomBytes(96), Buffer.alloc(8)])
  node.writeUInt32LE(50_000, 100)
  node.writeUInt32LE(50_100, 104)
  return { kind: 'file', size: 50_000, content: { kind: 'root', node } } as const
}

function beginning() {
  return { indexId: randomBytes(16).toString('hex'), newWriter: randomBytes(16).toString('hex') }
}
