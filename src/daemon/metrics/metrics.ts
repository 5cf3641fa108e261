/**
 * What can be watched of a daemon, one entry a metric: `native-notes/METRICS.md` says the same, and a test compares them.
 *
 * Everything is read when somebody asks; nothing is measured for nobody, but for the numbers of `concurrency/counters.ts`.
 */
import { type Counter, counted } from '../../concurrency/counters.ts'
import type { NetworkService } from '../network-service.ts'
import type { Parts } from '../operations/context.ts'

/** Those parts of a daemon that are open now. */
export interface Watched {
  readonly parts: Parts | undefined
  readonly network: NetworkService | undefined
  /** Seconds by which the event loop was late since it was asked for last, in all but one of a hundred times. */
  lagSeconds(): number
  /** What the block store takes, as it was lately. */
  storeBytes(): number | undefined
}

export interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  /** Undefined where it is not known now, and not shown then. */
  readonly read: (watched: Watched) => number | undefined | Promise<number | undefined>
}

export const METRICS: readonly Metric[] = [
  total('dfs_read_bytes_total', 'bytes that programs asked for and the kernel did not have', 'readBytes'),
  total('dfs_written_bytes_total', 'bytes that programs wrote, as the kernel handed them on', 'writtenBytes'),
  total('dfs_cache_hits_total', 'reads of a chunk whose content was opened already', 'cacheHits'),
  total('dfs_cache_misses_total', 'reads of a chunk whose content had to be opened', 'cacheMisses'),
  total('dfs_fetched_blocks_total', 'blocks that came from other devices', 'fetchedBlocks'),
  total('dfs_fetched_bytes_total', 'bytes of blocks that came from other devices', 'fetchedBytes'),
  {
    name: 'dfs_served_bytes_total',
    kind: 'counter',
    help: 'bytes of blocks that were sent to other devices',
    read: ({ network }) => (network?.isRunning ? network.network.call('exchange.servedBytes', undefined) : 0),
  },
  gauge('dfs_store_bytes', 'bytes of blocks here, looked at every ten minutes at most', (watched) =>
    watched.storeBytes(),
  ),
  gauge('dfs_dirty_bytes', 'bytes that were written and are not blocks yet', ({ parts }) => parts?.dirty.bytes),
  gauge('dfs_folders_mounted', 'folders that are mounted', ({ parts }) => parts?.mounts.list().length ?? 0),
  gauge(
    'dfs_replication_done',
    '1 if everything is on as many devices as are wanted',
    ({ parts }) => parts && Number(parts.replication.replicator.isDone),
  ),
  gauge(
    'dfs_replication_missing_blocks',
    'blocks that found too few devices when they were last looked for',
    ({ parts }) => parts?.replication.replicator.missing.blocks,
  ),
  gauge('dfs_peers_connected', 'devices that are connected', async ({ network }) =>
    network?.isRunning ? new Set((await network.network.peers()).map(({ peerId }) => peerId)).size : 0,
  ),
  gauge(
    'dfs_audit_failed_blocks',
    'blocks that holders could not show since they were last trusted',
    ({ parts }) => parts && [...parts.replication.standings.all.values()].reduce((sum, one) => sum + one.failures, 0),
  ),
  gauge(
    'dfs_event_loop_lag_seconds',
    'by how much the event loop was late since the last look, 99th percentile',
    (watched) => watched.lagSeconds(),
  ),
  gauge('dfs_resident_memory_bytes', 'memory of the daemon', () => process.memoryUsage.rss()),
]

function total(name: string, help: string, counter: Counter): Metric {
  return { name, kind: 'counter', help, read: () => counted(counter) }
}

function gauge(name: string, help: string, read: Metric['read']): Metric {
  return { name, kind: 'gauge', help, read }
}
