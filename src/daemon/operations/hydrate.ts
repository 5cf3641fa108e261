/** `hydrate`: brings files back whole. `pin` does so, too, and keeps them from being evicted; `unpin` lets them. */
import { textOf } from '../../bytes/byte-string.ts'
import { describeError } from '../../errors.ts'
import type { HydrateResult, Params, Results } from '../control-api.ts'
import type { Call } from '../control-server.ts'
import type { Context } from './context.ts'
import { forEachPath, type Inside } from './inside-paths.ts'

/** More failures are not worth the wait: whoever is not there for these is not there. */
const FAILURES_MAX = 100

export async function hydrate(
  context: Context,
  { paths }: Params<'hydrate'>,
  { signal, onProgress }: Call,
): Promise<HydrateResult> {
  const { replication } = await context.parts()
  const service = await context.network()
  service.startIfUseful()
  const result: HydrateResult = { files: 0, bytes: 0, failed: [] }
  let [done, total] = [0, 0]
  await forEachPath(context, paths, async ({ folder, path }) => {
    await folder.checkpoint()
    for await (const stub of folder.files.list(path)) total += sizeOf(stub)
    for await (const stub of folder.files.list(path)) {
      const item = textOf(stub.path)
      const onBytes = (bytes: number) => {
        done += bytes
        onProgress({ done, total, unit: 'bytes', item })
      }
      const pace = (bytes: number) => replication.down.take(bytes, signal)
      try {
        result.bytes += await folder.files.hydrate(stub.load(), { signal, onBytes, pace })
        result.files++
      } catch (error) {
        signal.throwIfAborted()
        result.failed.push({ path: item, why: describeError(error) })
        if (result.failed.length >= FAILURES_MAX) return
      }
    }
  })
  return result
}

/** The pins are durable before the first byte is fetched. */
export async function pin(context: Context, params: Params<'pin'>, call: Call): Promise<Results['pin']> {
  const { pins } = (await context.parts()).replication
  const ids = await fileIds(context, params.paths)
  const changed = await pins.add(ids)
  return { files: ids.length, changed, hydrated: await hydrate(context, params, call) }
}

export async function unpin(context: Context, { paths }: Params<'unpin'>): Promise<Results['unpin']> {
  const { pins } = (await context.parts()).replication
  const ids = await fileIds(context, paths)
  return { files: ids.length, changed: await pins.remove(ids) }
}

/** Of files that were stored at least once: before that an id is not lasting, and there is nothing to evict. */
async function fileIds(context: Context, paths: readonly string[]): Promise<Buffer[]> {
  const ids: Buffer[] = []
  await forEachPath(context, paths, async ({ folder, path }: Inside) => {
    await folder.checkpoint()
    for await (const stub of folder.files.list(path)) {
      const { sequence, fileId } = stub.load()
      if (sequence > 0) ids.push(fileId)
    }
  })
  return ids
}

/** Whether it can be read shows when it is hydrated. */
function sizeOf(stub: { load(): { meta: { size: number } } }): number {
  try {
    return stub.load().meta.size
  } catch {
    return 0
  }
}
