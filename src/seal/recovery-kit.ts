/**
 * The recovery kit: the personal key as 24 English words (BIP-39, the last one holds a checksum) that a person
 * can copy by hand, and where to find the network again. A kit is text:
 *
 *     # dfs recovery kit ...
 *     1 word   2 word   3 word   4 word
 *     ...
 *     network: ID
 *     address: MULTIADDR        (any number of them)
 *
 * Reading forgives case, numbering, punctuation, line breaks, comments and words cut after four letters or more.
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { DfsError } from '../errors.ts'
import { PERSONAL_KEY_BYTES } from './keys.ts'

const WORDS = 24
const WORDS_A_LINE = 4
/** BIP-39 chose its words so that the first four letters tell them apart. */
const PREFIX_LETTERS = 4
/** Longer than any word of the list; what follows is of no use in finding the nearest one. */
const LETTERS_MAX = 16
const HEADER = [
  '# dfs recovery kit',
  '# Whoever has these words can read all your files; without them, losing your devices means losing the files.',
  '# Write them down on paper, in order, and keep them where no computer reads them.',
]

export interface RecoveryKit {
  /** 32 bytes. */
  personalKey: Buffer
  networkId?: string
  addresses?: string[]
}

export function formatKit({ personalKey, networkId, addresses = [] }: RecoveryKit): string {
  if (personalKey.length !== PERSONAL_KEY_BYTES) throw new DfsError('invalid', 'a personal key has 32 bytes')
  const words = entropyToMnemonic(personalKey, wordlist).split(' ')
  const cells = words.map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(8)}`)
  const lines = [...HEADER, '']
  for (let i = 0; i < cells.length; i += WORDS_A_LINE) {
    lines.push(
      cells
        .slice(i, i + WORDS_A_LINE)
        .join('   ')
        .trimEnd(),
    )
  }
  if (networkId !== undefined || addresses.length > 0) lines.push('')
  if (networkId !== undefined) lines.push(`network: ${networkId}`)
  for (const address of addresses) lines.push(`address: ${address}`)
  return `${lines.join('\n')}\n`
}

/** Fails with `invalid`, and says which word is wrong, how many are missing, or that the checksum does not hold. */
export function parseKit(text: string): Required<Pick<RecoveryKit, 'personalKey' | 'addresses'>> & RecoveryKit {
  const addresses: string[] = []
  const typed: string[] = []
  let networkId: string | undefined
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.trimStart().startsWith('#')) continue
    // The colon matters: `network` and `address` are words of the list, too.
    const field = /^\s*(network|address)\s*:\s*(\S+)\s*$/i.exec(line)
    if (field === null) typed.push(...wordsIn(line))
    else if (field[1]!.toLowerCase() === 'network') networkId = field[2]!
    else addresses.push(field[2]!)
  }
  return { personalKey: keyOfWords(typed), networkId, addresses }
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
