/**
 * The recovery kit: the personal key as 24 English words (BIP-39, the last one holds a checksum) that a person
 * can copy by hand, and where to find the network again. A kit is text:
 *
 *     # dfs recovery kit ...
 *     1 word   2 word   3 word   4 word
 *     ...
 *     network: ID
 *     address: MULTIADDR        (any number of them)
 *     epoch: N                  (once devices were removed, and N is not 0)
 *     older N-1: BASE32         (the personal key of epoch N-1, sealed by that of epoch N; and so on down to epoch 0)
 *
 * Reading forgives case, numbering, punctuation, line breaks, comments and words cut after four letters or more; and what
 * stands around a kit that is as it was printed, as in all that "dfs init" said.
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { decodeBase32, encodeBase32 } from '../bytes/base32.ts'
import { DfsError } from '../errors.ts'
import { PERSONAL_KEY_BYTES, type PersonalKey } from './keys.ts'
import { openOlderKey, sealOlderKey } from './owner-keys.ts'

const WORDS = 24
const WORDS_A_LINE = 4
/** BIP-39 chose its words so that the first four letters tell them apart. */
const PREFIX_LETTERS = 4
/** Longer than any word of the list; what follows is of no use in finding the nearest one. */
const LETTERS_MAX = 16
const TITLE = '# dfs recovery kit'
const HEADER = [
  TITLE,
  '# Whoever has these words can read all your files; without them, losing your devices means losing the files.',
  '# Write them down on paper, in order, and keep them where no computer reads them.',
]

const HEADER_LATER = [
  '# A device was removed since you began: the lines "epoch" and "older" belong to the kit. What is older opens only with',
  '# them, or with another of your devices. They are of use to nobody without the words.',
]

export interface RecoveryKit {
  /** 32 bytes. */
  personalKey: Buffer
  /** The personal keys of all earlier epochs, the earliest first. */
  older?: readonly PersonalKey[]
  networkId?: string
  addresses?: string[]
}

export function formatKit({ personalKey, older = [], networkId, addresses = [] }: RecoveryKit): string {
  if (personalKey.length !== PERSONAL_KEY_BYTES) throw new DfsError('invalid', 'a personal key has 32 bytes')
  const words = entropyToMnemonic(personalKey, wordlist).split(' ')
  const cells = words.map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(8)}`)
  const lines = [...HEADER, ...(older.length > 0 ? HEADER_LATER : []), '']
  for (let i = 0; i < cells.length; i += WORDS_A_LINE) {
    lines.push(
      cells
        .slice(i, i + WORDS_A_LINE)
        .join('   ')
        .trimEnd(),
    )
  }
  const fields = [
    ...(networkId === undefined ? [] : [`network: ${networkId}`]),
    ...addresses.map((address) => `address: ${address}`),
    ...(older.length === 0 ? [] : [`epoch: ${older.length}`]),
    ...sealedOlder(personalKey, older),
  ]
  if (fields.length > 0) lines.push('', ...fields)
  return `${lines.join('\n')}\n`
}

/** Fails with `invalid`, and says which word or line is wrong, how many are missing, or that the checksum does not hold. */
export function parseKit(
  text: string,
): Required<Pick<RecoveryKit, 'personalKey' | 'addresses' | 'older'>> & RecoveryKit {
  const addresses: string[] = []
  const typed: string[] = []
  const sealed = new Map<number, string>()
  let networkId: string | undefined
  let epoch = 0
  for (const line of linesOfKit(text)) {
    if (line.trimStart().startsWith('#')) continue
    // The colon matters: `network` and `address` are words of the list, too.
    const [, name = '', number, value = ''] = FIELD.exec(line) ?? []
    if (name === '') typed.push(...wordsIn(line))
    else if (/network/i.test(name)) networkId = value
    else if (/address/i.test(name)) addresses.push(value)
    else if (/epoch/i.test(name)) epoch = epochOf(value)
    else sealed.set(Number(number), value.toLowerCase().replaceAll(/\s/g, ''))
  }
  const personalKey = keyOfWords(typed)
  return { personalKey, older: openedOlder({ personalKey, epoch }, sealed), networkId, addresses }
}

const FIELD = /^\s*(network|address|epoch|older)\s*(\d{1,9})?\s*:\s*(\S.*?)\s*$/i

/** Of a kit as it was printed, the paragraph of numbered words, and the fields; else all lines. */
function linesOfKit(text: string): string[] {
  const lines = text.split(/\r\n|\r|\n/)
  const title = lines.findLastIndex((line) => line.trim().toLowerCase() === TITLE)
  const first = lines.findIndex((line, at) => at > title && /^\s*\d/.test(line))
  if (title === -1 || first === -1) return lines
  const end = lines.findIndex((line, at) => at > first && line.trim() === '')
  if (end === -1) return lines.slice(first)
  return [...lines.slice(first, end), ...lines.slice(end).filter((line) => FIELD.test(line))]
}

/** Each key is sealed by the one after it; the latest comes first. */
function sealedOlder(personalKey: Buffer, older: readonly PersonalKey[]): string[] {
  const keys = [...older.map((one) => one.personalKey), personalKey]
  const sealed = older.map(({ personalKey }, epoch) => sealOlderKey(personalKey, keys[epoch + 1]!, epoch + 1))
  return sealed.map((bytes, epoch) => `older ${epoch}: ${encodeBase32(bytes)}`).toReversed()
}

function openedOlder(newest: PersonalKey, sealed: ReadonlyMap<number, string>): PersonalKey[] {
  if (newest.epoch === 0 && sealed.size > 0) throw invalidLine('epoch', 'is missing')
  const older: PersonalKey[] = []
  for (let after = newest; after.epoch > 0; after = older[0]!) {
    const epoch = after.epoch - 1
    const text = sealed.get(epoch)
    if (text === undefined) throw invalidLine(`older ${epoch}`, 'is missing')
    try {
      older.unshift({ personalKey: openOlderKey(decodeBase32(text), after.personalKey, after.epoch), epoch })
    } catch {
      throw invalidLine(`older ${epoch}`, 'does not fit the words')
    }
  }
  return older
}

function epochOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw invalidLine('epoch', 'holds no number')
}

function invalidLine(name: string, what: string): DfsError {
  return new DfsError('invalid', `the line "${name}" ${what}`, {
    op: 'read recovery kit',
    mend: 'give all lines of the kit, or run "dfs invite" on another of your devices and "dfs join" here',
  })
}

function wordsIn(line: string): string[] {
  const words =
    line
      .normalize('NFKD')
      .toLowerCase()
      .match(/\p{L}+/gu) ?? []
  return words.map((word) => word.slice(0, LETTERS_MAX))
}

function keyOfWords(typed: string[]): Buffer {
  const words = typed.map(completeWord)
  if (words.length !== WORDS) {
    throw invalidKit(`a recovery kit has ${WORDS} words; here are ${words.length}`)
  }
  try {
    return Buffer.from(mnemonicToEntropy(words.join(' '), wordlist))
  } catch {
    // Without its cause, because the library's message may quote the words.
    throw invalidKit(
      'the 24 words are all in the list but do not belong together: one was read as another, or two changed places',
    )
  }
}

function completeWord(typed: string, index: number): string {
  if (wordlist.includes(typed)) return typed
  const prefixed = typed.length >= PREFIX_LETTERS ? wordlist.filter((word) => word.startsWith(typed)) : []
  if (prefixed.length === 1) return prefixed[0]!
  throw invalidKit(`word ${index + 1}, "${typed}", is not in the list; did you mean "${nearestWord(typed)}"?`)
}

function invalidKit(message: string): DfsError {
  return new DfsError('invalid', message, {
    op: 'read recovery kit',
    mend: 'compare the words with the paper they are on',
  })
}

function nearestWord(typed: string): string {
  let nearest = ''
  let least = Number.POSITIVE_INFINITY
  for (const word of wordlist) {
    const distance = editDistance(typed, word)
    if (distance < least) [nearest, least] = [word, distance]
  }
  return nearest
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(changed, above[j]! + 1, row[j - 1]! + 1))
    }
    above = row
  }
  return above[b.length]!
}
