/**
 * Tells the journal what became of names, for whoever replays it: that it finds each file at once, does not take one
 * that was deleted for one whose making was lost, and does again what the disk below has not kept.
 */
import type { ByteString } from '../dfs.ts'
import { kindOf } from '../errors.ts'
import type { NameRecord, ObjectId, StubPlace } from '../format/journal-record.ts'
import { warn } from '../log.ts'
import type { Stat } from '../posix/stat.ts'
import type { Journal } from './services.ts'

/** Without room for the note the change stands all the same: a full disk must not keep anybody from deleting. */
export function noteName(journal: Journal, record: NameRecord): void {
  try {
    journal.note(record)
  } catch (error) {
    if (kindOf(error) !== 'no-space' && kindOf(error) !== 'over-quota') throw error
    warn('no room to note in the journal that a file was renamed or removed: after a crash it may be back')
  }
}

/** What a note says first of a change; `stat`: of the object, right after; `path`: the stored one that was changed. */
export function changeOf(stat: Stat, path: ByteString): { place: StubPlace; ctimeNs: bigint } {
  return { place: { ...idOf(stat), path }, ctimeNs: stat.ctimeNs }
}

export function idOf({ ino, btimeNs }: ObjectId): ObjectId {
  return { ino, btimeNs }
}
