/**
 * Why one plain file stays as it is: it is in use, changing, unreadable. The others are adopted all the same, while
 * any other error (no space for blocks, a failing disk) ends the whole run.
 */
import { DfsError } from '../../errors.ts'

export class LeftAlone extends DfsError {}

/** Runs what concerns one file only: its errors leave that file alone. */
export function orLeaveAlone<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asLeftAlone(error)
  }
}

/** The same for a step that takes its time. */
export async function orLeaveAloneLater<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw asLeftAlone(error)
  }
}

function asLeftAlone(error: unknown): unknown {
  if (!(error instanceof DfsError) || error instanceof LeftAlone) return error
  const { kind, message, op, subject, mend } = error
  return new LeftAlone(kind, message, { op, subject, mend, cause: error })
}
