/** An ordinary directory: the limit for speed, and what proves a test right before it judges dfs. */
import type { SystemKind } from './system.ts'

export const bareDisk: SystemKind = {
  name: 'disk',
  missing: () => false,
  async create({ folder }) {
    const nothing = async () => {}
    return { name: 'disk', root: folder, kept: [folder], mount: nothing, unmount: nothing, kill: nothing }
  },
}
