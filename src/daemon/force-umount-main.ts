/**
 * `dfs umount --force`, for a daemon that does not answer: `node force-umount-main.ts MOUNTPOINT` takes the mount off and prints
 * `{}`, or `{ error }`. A process of its own, for it may hang with the disk that the daemon waits for.
 */
import { forceOff } from '../fuse/mountpoint.ts'
import { toWireError } from './control-check.ts'

try {
  await forceOff(process.argv[2]!)
  process.stdout.write('{}')
} catch (error) {
  process.stdout.write(JSON.stringify({ error: toWireError(error) }))
}
