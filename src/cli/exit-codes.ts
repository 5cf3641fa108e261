/** What `dfs` exits with: one table from error kinds to codes, told in `dfs --help` and in the README. */
import type { ErrorKind } from '../errors.ts'

/** Outcomes that are no errors. */
export type Outcome = 'done' | 'problems-found' | 'incomplete' | 'unread'

const FAILED = 1
const USAGE = 2
const NOT_THERE = 3
const IN_THE_WAY = 4
const NOT_ALLOWED = 5
const IN_USE = 6
const NO_ROOM = 7
const DAMAGED = 8
const WRONG_KEY = 9
const UNREACHABLE = 10
const NOT_RUNNING = 11
const NEEDS_YES = 12
const PROBLEMS = 13
const INCOMPLETE = 14
const INTERNAL = 70
const INTERRUPTED = 130
/** As a shell tells of a program that SIGPIPE ended. */
const UNREAD = 141

export const EXIT_CODES: Record<ErrorKind | Outcome, number> = {
  done: 0,
  io: FAILED,
  unsupported: FAILED,
  stale: FAILED,
  'bad-handle': FAILED,
  loop: FAILED,
  'cross-device': FAILED,
  usage: USAGE,
  invalid: USAGE,
  'out-of-range': USAGE,
  'past-end': USAGE,
  'name-too-long': USAGE,
  'not-found': NOT_THERE,
  'no-data': NOT_THERE,
  exists: IN_THE_WAY,
  'not-empty': IN_THE_WAY,
  'not-a-directory': IN_THE_WAY,
  'is-a-directory': IN_THE_WAY,
  'no-permission': NOT_ALLOWED,
  'not-permitted': NOT_ALLOWED,
  'read-only': NOT_ALLOWED,
  busy: IN_USE,
  locked: IN_USE,
  'text-busy': IN_USE,
  'no-space': NO_ROOM,
  'over-quota': NO_ROOM,
  'too-large': NO_ROOM,
  'too-many-links': NO_ROOM,
  'too-many-files': NO_ROOM,
  corrupt: DAMAGED,
  'newer-version': DAMAGED,
  'wrong-key': WRONG_KEY,
  'cannot-decrypt': WRONG_KEY,
  unreachable: UNREACHABLE,
  timeout: UNREACHABLE,
  'not-running': NOT_RUNNING,
  'needs-confirmation': NEEDS_YES,
  'problems-found': PROBLEMS,
  incomplete: INCOMPLETE,
  unread: UNREAD,
  internal: INTERNAL,
  aborted: INTERRUPTED,
}

/** One line for each code, for the help. */
export const EXIT_MEANINGS: Record<number, string> = {
  0: 'done',
  [FAILED]: 'failed: an error of the disk or the system',
  [USAGE]: 'the command cannot be understood, or its arguments do not make sense',
  [NOT_THERE]: 'not there: no such file, folder, version or home',
  [IN_THE_WAY]: 'something else is there already, or it is a directory and not a file, or the other way round',
  [NOT_ALLOWED]: 'not allowed, or read-only',
  [IN_USE]: 'in use: a mount by programs, a folder by a mount, a home by another daemon',
  [NO_ROOM]: 'no room: the disk is full, or a limit is reached',
  [DAMAGED]: 'damaged, or written by a newer dfs',
  [WRONG_KEY]: 'sealed with another personal key, or the passphrase is wrong',
  [UNREACHABLE]: 'not reachable, or not in time',
  [NOT_RUNNING]: 'the daemon does not run, or ended meanwhile',
  [NEEDS_YES]: 'needs a confirmation, or a passphrase, that a flag can give',
  [PROBLEMS]: '`verify` or `doctor` ran to the end and found problems',
  [INCOMPLETE]: '`evict`, `hydrate` or `pin` left something out, and said what and why',
  [INTERNAL]: 'a fault of dfs itself, or its installation',
  [INTERRUPTED]: 'interrupted',
  [UNREAD]: 'whoever read the output reads no further',
}
