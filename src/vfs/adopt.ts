import type { ByteString, OnProgress } from '../dfs.ts'
import type { Inode } from './inode-table.ts'
import type { Services } from './services.ts'
export interface Adopted { files: number; bytes: number; skipped: { path: ByteString; why: string }[] }
export class Adopter {
  constructor(_s: Services, _d: { reservedDirectoryFd(): number }) {}
  async adopt(_root: Inode, _p: ByteString, _o: { keep: boolean; signal: AbortSignal; onProgress: OnProgress }): Promise<Adopted> { return { files: 0, bytes: 0, skipped: [] } }
  async adoptInWay(_p: Inode, _n: ByteString): Promise<void> {}
}
