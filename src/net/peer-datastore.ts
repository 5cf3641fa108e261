/**
 * What libp2p keeps across restarts: peers' addresses, the DHT's records. A cache: it may be removed at any time.
 */
import { LevelDatastore } from 'datastore-level'
import { DfsError } from '../errors.ts'

/** Fails with `locked` if it is in use or damaged. */
export async function openDatastore(dir: string): Promise<LevelDatastore> {
  const datastore = new LevelDatastore(dir)
  try {
    await datastore.open()
  } catch (cause) {
    throw new DfsError('locked', `the store of peers cannot be opened: ${(cause as Error).message}`, {
      op: 'open',
      subject: dir,
      mend: 'it is only a cache: if no other daemon uses it, remove it',
      cause,
    })
  }
  return datastore
}
