/**
 * Tells the journal what became of names, for whoever replays it: renames so that it finds a file at once, removals so
 * that it does not take a file that was deleted for one whose making was lost.
 */
import { kindOf } from '../errors.ts'
import type { RemoveRecord, RenameRecord } from '../format/journal-record.ts'
import { warn } from '../log.ts'
import type { Journal } from './services.ts'

/** Without room for the note the change stands all the same: a full disk must not keep anybody from deleting. */
export function noteNames(journal: Journal, record: RenameRecord | RemoveRecord): void {
  if (journal.empty) return
  try {
    journal.append(record)
  } catch (error) {
    if (kindOf(error) !== 'no-space' && kindOf(error) !== 'over-quota') throw error
    warn('no room to note in the journal that a file was renamed or removed: after a crash it may be back')
  }
}
