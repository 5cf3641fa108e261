/**
 * Space is freed on a device whose network is in trouble all the time, and nothing that was said to be safe is lost: six
 * computers, of which any is killed, cut off, or loses blocks behind its back, while files are written, evicted and read.
 * In the end the person's own computers burn down, and a new one brings everything back from friends.
 *
 * DFS_CLUSTER_SECONDS says how long, DFS_CLUSTER_SEED repeats a run's choices (not its timing).
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Device, pair } from '../e2e/support/device.ts'
import { noise } from '../e2e/support/files.ts'
import { runOk, until, within } from '../e2e/support/process.ts'
import { carryStubs, connected, mountAll, readIn, stopDaemon } from '../e2e/support/sharing.ts'
import { Random } from '../support/random.ts'
import { Cluster, longClusterMissing } from './support/cluster.ts'

const SECONDS = Number(process.env.DFS_CLUSTER_SECONDS ?? 600)
const SEED = Number(process.env.DFS_CLUSTER_SEED ?? randomInt(2 ** 32))
const FRIENDS = ['anna', 'ben', 'carl', 'dora']
const OWN = ['laptop', 'desktop']
const REPLICAS = 2
const NAMES = 60
const SIZES = [0, 300, 20_000, 300_000, 3_000_000]
const STATES = fileURLToPath(new URL('./support/states.ts', import.meta.url))
/** What may take this long while others are away, on a busy machine. */
const PATIENT_MS = 60_000
const ALL_SAFE_S = 300
const DEADLINE_MS = SECONDS * 1000 + 1_500_000

/** What a file holds: bytes that follow from these. */
interface Content {
  readonly bytes: number
  readonly seed: number
}

const bytesOf = ({ bytes, seed }: Content): Buffer => noise(bytes, seed)

/** What happens in the folder, and what must therefore be in it. */
class Work {
  readonly files = new Map<string, Content>()
  readonly counts = { written: 0, removed: 0, renamed: 0, read: 0, refused: 0, evicted: 0, promised: 0 }
  /** What was under each name, one after the other. */
  readonly #were = new Map<string, Content[]>()
  /** Contents that were said to be safe, and are still current. */
  readonly promised = new Set<string>()
  readonly #device: Device
  readonly #random: Random

  constructor(device: Device, random: Random) {
    this.#device = device
    this.#random = random
  }

  async step(): Promise<void> {
    const chance = this.#random.below(100)
    if (chance < 40) await this.#write()
    else if (chance < 45) await this.#remove()
    else if (chance < 50) await this.#rename()
    else if (chance < 85) await this.#read()
    else if (chance < 93) await this.#evict()
    else await this.#noteStates()
  }

  async #write(): Promise<void> {
    const name = `file-${this.#random.below(NAMES)}`
    const content = { bytes: SIZES[this.#random.below(SIZES.length)]!, seed: this.#random.next() }
    this.promised.delete(name)
    await within(PATIENT_MS, writeFile(this.#at(name), bytesOf(content)), `writing ${name}`)
    this.#has(name, content)
    this.counts.written++
  }

  async #remove(): Promise<void> {
    const name = this.#any()
    if (name === undefined) return
    await within(PATIENT_MS, unlink(this.#at(name)), `removing ${name}`)
    this.#forget(name)
    this.counts.removed++
  }

  async #rename(): Promise<void> {
    const from = this.#any()
    const to = `file-${this.#random.below(NAMES)}`
    if (from === undefined || from === to) return
    await within(PATIENT_MS, rename(this.#at(from), this.#at(to)), `renaming ${from}`)
    const content = this.files.get(from)!
    this.#forget(from)
    this.promised.delete(to)
    this.#has(to, content)
    this.counts.renamed++
  }

  /** Whoever has the blocks may be away at the moment: then it is EIO, and never anything else. */
  async #read(): Promise<void> {
    const name = this.#any()
    if (name === undefined) return
    try {
      const read = await readIn(this.#device, name, PATIENT_MS)
      if (!read.equals(bytesOf(this.files.get(name)!))) assert.fail(this.#explain(name, read))
      this.counts.read++
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      this.counts.refused++
    }
  }

  async #evict(): Promise<void> {
    const { code, stderr } = await this.#device.dfs(['evict', this.#device.folder], { deadlineMs: 2 * PATIENT_MS })
    // 14: not everything was safe.
    assert(code === 0 || code === 14, `evict: ${code} ${stderr}`)
    this.counts.evicted++
  }

  async #noteStates(): Promise<void> {
    const said = await runOk(process.execPath, [STATES, this.#device.folder], { deadlineMs: PATIENT_MS })
    for (const [name, state] of JSON.parse(said) as [string, string][]) {
      assert(this.files.has(name), `${name} is there`)
      const isSafe = state === `replicated ${REPLICAS}/${REPLICAS}` || state === 'evicted'
      if (!isSafe || this.promised.has(name)) continue
      this.promised.add(name)
      this.counts.promised++
    }
  }

  #has(name: string, content: Content): void {
    this.files.set(name, content)
    this.#were.set(name, [...(this.#were.get(name) ?? []), content])
  }

  #explain(name: string, read: Buffer): string {
    const were = this.#were.get(name)!
    const which = were.findLastIndex((content) => bytesOf(content).equals(read))
    const lengths = were.map(({ bytes }) => bytes).join(', ')
    const what = which < 0 ? 'what it never held' : `what it held as number ${which + 1}`
    return `${name} holds ${what}, ${read.length} bytes; it held these lengths: ${lengths}`
  }

  #forget(name: string): void {
    this.files.delete(name)
    this.promised.delete(name)
  }

  #any(): string | undefined {
    const names = [...this.files.keys()]
    return names[this.#random.below(names.length)]
  }

  #at(name: string): string {
    return path.join(this.#device.folder, name)
  }
}

/** What goes wrong meanwhile. */
class Trouble {
  readonly counts = { killed: 0, cut: 0, lied: 0 }
  readonly #cluster: Cluster
  readonly #devices: ReadonlyMap<string, Device>
  readonly #random: Random

  constructor(cluster: Cluster, devices: ReadonlyMap<string, Device>, random: Random) {
    this.#cluster = cluster
    this.#devices = devices
    this.#random = random
  }

  /** One after the other, with rests, until `end`. All are there again, and reach each other, when it resolves. */
  async go(end: number): Promise<void> {
    while (performance.now() < end) {
      await delay(1_000 * (3 + this.#random.below(8)))
      const chance = this.#random.below(100)
      if (chance < 50) await this.#kill()
      else if (chance < 90) await this.#cut()
      else this.#lie()
    }
  }

  /** Any but the laptop, which is killed between two steps of the work there. */
  async #kill(): Promise<void> {
    const names = [...this.#devices.keys()].filter((name) => name !== 'laptop')
    const device = this.#devices.get(names[this.#random.below(names.length)]!)!
    killDaemon(device)
    await delay(1_000 * this.#random.below(10))
    await mountAgain(device)
    this.counts.killed++
  }

  async #cut(): Promise<void> {
    const names = [...this.#devices.keys()]
    const here = names.filter(() => this.#random.below(2) === 0)
    await this.#cluster.partition(
      here,
      names.filter((name) => !here.includes(name)),
    )
    await delay(1_000 * (2 + this.#random.below(12)))
    await this.#cluster.heal()
    this.counts.cut++
  }

  /** One friend, always the same, loses some of what it promised to keep, and does not know. */
  #lie(): void {
    const blocks = path.join(this.#devices.get('dora')!.home, 'blocks')
    for (const name of readdirSync(blocks, { recursive: true, encoding: 'utf8' })) {
      if (path.basename(name).length > 20 && this.#random.below(3) === 0)
        rmSync(path.join(blocks, name), { force: true })
    }
    this.counts.lied++
  }
}

function killDaemon(device: Device): void {
  for (const pid of device.pids()) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

async function mountAgain(device: Device): Promise<void> {
  await until('the daemon is gone', () => device.pids().length === 0, PATIENT_MS)
  await device.dfsOk(['mount', device.folder], { deadlineMs: PATIENT_MS })
}

test('what is said to be safe is, whatever happens', {
  skip: longClusterMissing(),
  timeout: DEADLINE_MS,
}, async (t) => {
  t.diagnostic(`seed ${SEED}, ${SECONDS} s`)
  const cluster = await Cluster.start(t, [...OWN, ...FRIENDS, 'new'])
  const devices = new Map<string, Device>()
  for (const name of [...OWN, ...FRIENDS]) {
    const config = { offerBytes: name === 'laptop' ? 0 : 2e9, replicas: REPLICAS }
    devices.set(name, await cluster.host(name).newDevice({ config }))
  }
  const [laptop, desktop] = OWN.map((name) => devices.get(name)!) as [Device, Device]
  const { kit } = await laptop.json('init', '--name', 'laptop')
  await pair(laptop, desktop)
  for (const name of FRIENDS) await pair(laptop, devices.get(name)!, '--member')
  await mountAll(...devices.values())
  await connected(laptop, devices.size - 1)

  const random = new Random(SEED)
  const work = new Work(laptop, random)
  const trouble = new Trouble(cluster, devices, new Random(random.next()))
  const end = performance.now() + SECONDS * 1000
  const troubled = trouble.go(end)
  troubled.catch(() => {})
  for (let kills = 0; performance.now() < end; ) {
    await work.step()
    if (random.below(400) > 0) continue
    killDaemon(laptop)
    await mountAgain(laptop)
    t.diagnostic(`the laptop was killed ${++kills} times`)
  }
  await within(2 * PATIENT_MS, troubled, 'the trouble')
  t.diagnostic(JSON.stringify({ ...work.counts, ...trouble.counts, files: work.files.size }))

  await t.test('all that is there is made safe, and read back where it was written', async () => {
    await laptop.dfsOk(['wait', laptop.folder, '--timeout', String(ALL_SAFE_S)], { deadlineMs: ALL_SAFE_S * 1100 })
    await laptop.dfs(['evict', laptop.folder], { deadlineMs: 2 * PATIENT_MS })
    await assertAll(laptop, work.files)
  })

  await t.test('and on the other computer', async () => {
    for (const device of [laptop, desktop]) await device.dfsOk(['umount', device.folder], { deadlineMs: PATIENT_MS })
    carryStubs(laptop, desktop)
    await mountAll(desktop)
    await laptop.dfsOk(['mount', laptop.folder])
    await connected(desktop, devices.size - 1)
    await assertAll(desktop, work.files)
    await laptop.dfsOk(['wait', laptop.folder, '--timeout', String(ALL_SAFE_S)], { deadlineMs: ALL_SAFE_S * 1100 })
  })

  await t.test('and from friends alone, one of whom is away, when both have burnt down', async () => {
    for (const device of [laptop, desktop]) {
      await stopDaemon(device)
      for (const gone of [device.home, device.folder]) await rm(gone, { recursive: true })
    }
    await stopDaemon(devices.get(FRIENDS[random.below(FRIENDS.length - 1)]!)!)
    const alive = FRIENDS.map((name) => devices.get(name)!).filter((device) => device.pids().length > 0)
    const via = (await alive[0]!.json('peers')).network.addresses[0]
    const fresh = await cluster.host('new').newDevice()
    const to = path.join(fresh.root, 'back')
    const input = { input: kit, deadlineMs: 3 * PATIENT_MS }
    await fresh.dfsOk(['recover', '--name', 'new', '--via', via, '--to', to, '-'], input)
    const back = { ...fresh, folder: path.join(to, path.basename(laptop.folder)) }
    assert(existsSync(back.folder), `${back.folder} came back`)
    await back.dfsOk(['mount', back.folder])
    await connected(back, alive.length)
    await assertAll(back, work.files)
  })
})

async function assertAll(device: Device, files: ReadonlyMap<string, Content>): Promise<void> {
  const names = await within(PATIENT_MS, readdir(device.folder), 'readdir')
  assert.deepEqual(names.sort(), [...files.keys()].sort())
  const wrong: string[] = []
  for (const [name, content] of files) {
    const read = within(PATIENT_MS, readFile(path.join(device.folder, name)), name)
    const isRight = await read.then(
      (bytes) => bytes.equals(bytesOf(content)),
      (error) => void wrong.push(`${name}: ${error.message}`),
    )
    if (isRight === false) wrong.push(`${name}: other bytes`)
  }
  assert.deepEqual(wrong, [])
}
