/** How much memory the threads share, and in which pieces. */
import { SharedSlots } from '../bytes/shared-slots.ts'
import { BLOCK_BYTES_MAX } from '../format/block.ts'
import { CHUNK_BYTES_MAX, FRAME_BYTES } from '../format/chunk-layout.ts'
import type { Home } from './home.ts'

/** Blocks on their way from other devices, and a few that are being opened while the cache is full. */
const BLOCKS = 80
/** Chunks of which a part was written, while they are being sealed. */
const WHOLE_CHUNKS = 16
/** Who wants more to be dirty than this has the rest in other memory: slots are reserved, if not used. */
const DIRTY_SLOTS_BYTES_MAX = 1024 * 1024 * 1024
/** What may be written while writers wait already, for a kernel sends many requests at once. */
const WRITES_BYTES = 32 * 1024 * 1024
const PAGE_BYTES = 4096
/** What most chunks are that are not as long as chunks can be; sealed, it is a little longer. */
const SMALL_SLOT_BYTES = CHUNK_BYTES_MAX / 4 + PAGE_BYTES
/** Room for the longest block, and for four small ones. */
const LARGE_SLOT_BYTES = Math.max(4 * SMALL_SLOT_BYTES, Math.ceil(BLOCK_BYTES_MAX / PAGE_BYTES) * PAGE_BYTES)
/** Small files and edits take pages, all else that is written frames. */
const PAGES_BYTES = [1, 2, 4, 8].map((pages) => pages * PAGE_BYTES)

/** The memory that opened content, what is to be stored, and blocks on their way lie in. What is not used costs nothing. */
export function sharedMemory({ config: { cacheBytesMax, dirtyBytesMax } }: Home): SharedSlots {
  const bytes = cacheBytesMax + Math.min(dirtyBytesMax, DIRTY_SLOTS_BYTES_MAX) + WRITES_BYTES
  return new SharedSlots({
    bytes: [...PAGES_BYTES, FRAME_BYTES, SMALL_SLOT_BYTES, LARGE_SLOT_BYTES],
    count: Math.ceil(bytes / CHUNK_BYTES_MAX) + WHOLE_CHUNKS + BLOCKS,
  })
}
