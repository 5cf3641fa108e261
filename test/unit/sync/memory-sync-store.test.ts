import { MemorySyncStore } from '../../../src/sync/memory-sync-store.ts'
import { describeSyncStore } from '../../conformance/sync-store.ts'

describeSyncStore('MemorySyncStore', async () => new MemorySyncStore())
