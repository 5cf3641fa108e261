/**
 * Indexes of synced folders that are found to be damaged: noted beside them, and set aside when they are opened next.
 */
import { access, rename, rm, writeFile } from 'node:fs/promises'
import { kindOf } from '../errors.ts'
import { warn } from '../log.ts'

/** What LevelDB says of files of its own that do not match, or are not there. */
const DAMAGED = /^Corruption|^IO error: .*No such file/

export function isDamage(message: string): boolean {
  return DAMAGED.test(message)
}

/** Does something with the index in `dir`, and notes it if that fails because the index is damaged. */
export async function noteDamage<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // If it cannot be noted, it shows again the next time.
    if (kindOf(error) === 'corrupt') await writeFile(damageMark(dir), '').catch(() => undefined)
    throw error
  }
}

/** Sets an index aside that was noted to be damaged; it may still say something to somebody. Fails as the disk does. */
export async function setAsideIfDamaged(dir: string): Promise<void> {
  const isNoted = await access(damageMark(dir)).then(
    () => true,
    () => false,
  )
  if (!isNoted) return
  const aside = `${dir}.damaged`
  warn(`the index ${dir} is damaged: it is set aside as ${aside}, and begun anew`)
  await rm(aside, { recursive: true, force: true })
  await rename(dir, aside)
  await rm(damageMark(dir), { force: true })
}

function damageMark(dir: string): string {
  return `${dir}.is-damaged`
}
