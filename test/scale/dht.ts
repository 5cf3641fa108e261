/**
 * The DHT at scale: a network in one process, over an in-memory transport, with the options that real nodes have.
 *
 *     [ROUNDS=3] node --max-old-space-size=12000 test/scale/dht.ts [NODES...]
 *
 * For each size: nodes join one another, blocks are announced, and then ROUNDS times a tenth of all nodes is replaced by
 * new ones, without a word. A round stands for ten minutes but takes only as long as what is done in it; what nodes do
 * hourly is done in stories of an hour or longer (support/story.ts), shorter ones give the network no help. After each
 * round, lookups from random nodes of random announced blocks whose provider is still there. Prints a row of a table:
 * share of lookups that found the provider, the hops to the first record of it, and their time.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { libp2pLogger } from '../../src/net/libp2p-logger.ts'
import { libp2pOptions } from '../../src/net/libp2p-options.ts'
import { tableSize } from '../../src/net/routing-table.ts'
import { isThere, SimulatedHost } from './support/simulated-host.ts'
import { type Block, ROUNDS_IN_HOUR, Story } from './support/story.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const REPLACED = 0.1
const BLOCKS_MAX = 100
const LOOKUPS = 200
const LOOKUP_MS_MAX = 20_000
const AT_ONCE = 16
/** Most of this is waiting for those that are gone. */
const UPKEEP_AT_ONCE = 48

interface Network {
  nodes: SimulatedHost[]
  blocks: Block[]
  story: Story
}

interface Lookup {
  isFound: boolean
  hops: number
  ms: number
}

// The DHT makes an error for each request it gives up, a tenth of the time of this process with their stacks.
Error.stackTraceLimit = 0
console.log('| nodes | lookups found | hops, mean / 95 % / most | time ms, median / 95 % | table size, mean |')
console.log('| --- | --- | --- | --- | --- |')
for (const size of sizesAsked()) console.log(await measure(size))
process.exit(0)

function sizesAsked(): number[] {
  const sizes = process.argv.slice(2).map(Number)
  return sizes.length > 0 ? sizes : [10, 100, 1000]
}

async function measure(size: number): Promise<string> {
  const nodes: SimulatedHost[] = []
  const blocks: Block[] = []
  const network: Network = { nodes, blocks, story: new Story() }
  await join(network, size)
  await settle(nodes)
  await announce(network, nodes, Math.min(size, BLOCKS_MAX))
  note(`${blocks.length} blocks announced`)
  const lookups: Lookup[] = []
  for (let round = 0; round < ROUNDS; round++) {
    network.story.nextRound()
    await replaceSome(network)
    if (ROUNDS >= ROUNDS_IN_HOUR) await upkeep(network)
    const found: Lookup[] = []
    await inBatches(LOOKUPS, async () => void found.push(await lookUp(pick(nodes), pick(blocks))))
    note(`${size} nodes, round ${round + 1}: ${shareFound(found)} found, ${timesOf(found)} ms`)
    lookups.push(...found)
    note(describe(size, nodes, lookups))
  }
  const row = describe(size, nodes, lookups)
  await inBatches(nodes.length, async (at) => await nodes[at]!.stop())
  return row
}

async function join({ nodes, story }: Network, count: number): Promise<void> {
  const since = performance.now()
  await inBatches(count, async () => {
    const node = await startNode()
    const known = Array.from({ length: Math.min(2, nodes.length) }, () => pick(nodes))
    nodes.push(node)
    story.joined(node)
    for (const other of known) await node.dial(other)
  })
  note(`${count} nodes joined in ${((performance.now() - since) / 1000).toFixed(0)} s`)
}

async function startNode(): Promise<SimulatedHost> {
  const identitySeed = randomBytes(32)
  const { services } = await libp2pOptions({
    identitySeed,
    networkId: 'scale',
    listen: [],
    mdns: false,
    connectionGater: {},
    guarded: (components) => components,
    logger: libp2pLogger(),
    datastore: undefined as never,
  })
  const node = await SimulatedHost.create(identitySeed, services!.dht as never)
  await node.start()
  return node
}

/** Until routing tables grow no more. */
async function settle(nodes: SimulatedHost[]): Promise<void> {
  for (let before = -1, now = 0; now > before * 1.02; now = meanTable(nodes)) {
    before = now
    await new Promise((resolve) => setTimeout(resolve, 3_000))
  }
  note(`tables hold ${meanTable(nodes).toFixed(1)} peers`)
}

async function announce({ blocks, story }: Network, by: SimulatedHost[], count: number): Promise<void> {
  await inBatches(count, async () => void blocks.push(await story.announceNew(pick(by))))
}

/** Blocks whose provider went are announced no more, and others are by those who came. */
async function replaceSome(network: Network): Promise<void> {
  const { nodes, blocks, story } = network
  const count = Math.ceil(nodes.length * REPLACED)
  const gone = new Set<SimulatedHost>()
  for (let at = 0; at < count; at++) gone.add(nodes.splice(randomInt(nodes.length), 1)[0]!)
  await Promise.all([...gone].map((node) => node.stop()))
  const newcomers: SimulatedHost[] = []
  await inBatches(count, async () => {
    const node = await startNode()
    story.joined(node)
    await node.dial(pick(nodes))
    newcomers.push(node)
  })
  nodes.push(...newcomers)
  await settle(newcomers)
  const lost = blocks.filter(({ provider }) => gone.has(provider))
  for (const block of lost) blocks.splice(blocks.indexOf(block), 1)
  await announce(network, newcomers, lost.length)
}

async function upkeep({ nodes, blocks, story }: Network): Promise<void> {
  const awake = nodes.filter((node) => story.isHourOf(node))
  await inBatches(awake.length, (at) => story.hourOf(awake[at]!), UPKEEP_AT_ONCE)
  const due = blocks.filter((block) => story.isDue(block))
  await inBatches(due.length, (at) => story.renew(due[at]!), UPKEEP_AT_ONCE)
  note(`${awake.length} nodes had their hour, ${due.length} announcements renewed`)
}

async function lookUp(from: SimulatedHost, { cid, provider, holders }: Block): Promise<Lookup> {
  let errors = 0
  const since = performance.now()
  const depths = new Map<string, number>()
  const signal = AbortSignal.timeout(LOOKUP_MS_MAX)
  try {
    for await (const event of from.dht.findProviders(cid, { signal })) {
      if (event.name === 'QUERY_ERROR') errors++
      if (event.name !== 'PEER_RESPONSE') continue
      const isHere = event.from.equals(from.peerId)
      const depth = isHere ? 0 : (depths.get(event.from.toString()) ?? 1)
      for (const { id } of event.closer) if (!depths.has(id.toString())) depths.set(id.toString(), depth + 1)
      if (event.providers.some(({ id }) => id.equals(provider.peerId))) {
        return { isFound: true, hops: depth, ms: performance.now() - since }
      }
    }
  } catch {
    // Not found in time.
  }
  const ms = performance.now() - since
  const there = [...holders].filter(isThere).length
  note(
    `not found in ${ms.toFixed(0)} ms: ${depths.size} peers heard of, ${errors} errors, ${there}/${holders.size} holders there`,
  )
  return { isFound: false, hops: Number.NaN, ms }
}

function describe(size: number, nodes: SimulatedHost[], lookups: Lookup[]): string {
  const found = lookups.filter(({ isFound }) => isFound)
  const hops = found.map((lookup) => lookup.hops).sort((a, b) => a - b)
  const meanHops = hops.reduce((sum, one) => sum + one, 0) / hops.length
  return `| ${[
    size,
    shareFound(lookups),
    `${meanHops.toFixed(2)} / ${at(hops, 0.95)} / ${at(hops, 1)}`,
    timesOf(lookups),
    meanTable(nodes).toFixed(1),
  ].join(' | ')} |`
}

function timesOf(lookups: readonly Lookup[]): string {
  const times = lookups
    .filter(({ isFound }) => isFound)
    .map(({ ms }) => Math.round(ms))
    .sort((a, b) => a - b)
  return `${at(times, 0.5)} / ${at(times, 0.95)}`
}

function shareFound(lookups: Lookup[]): string {
  return `${((100 * lookups.filter(({ isFound }) => isFound).length) / lookups.length).toFixed(2)} %`
}

function meanTable(nodes: SimulatedHost[]): number {
  return nodes.reduce((sum, node) => sum + tableSize(node.dht), 0) / nodes.length
}

function at(sorted: number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

function pick<T>(items: readonly T[]): T {
  return items[randomInt(items.length)]!
}

async function inBatches(count: number, work: (at: number) => Promise<void>, atOnce = AT_ONCE): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

function note(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(5)} s  ${text}\n`)
}
