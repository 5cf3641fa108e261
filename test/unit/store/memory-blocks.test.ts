import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { describeBlockStore } from '../../conformance/block-store.ts'

describeBlockStore('MemoryBlocks', async () => new MemoryBlocks())
