/**
 * BLAKE3's compression function (BLAKE3 paper, section 2.2), for the chaining values that the native hasher does not
 * show. Words are little-endian, as on every machine that dfs runs on.
 */

/** Words of a chaining value. */
export const CHAINING_WORDS = 8
/** Bytes that one compression takes in. */
export const COMPRESSED_BYTES = 64

export const CHUNK_START = 1
export const CHUNK_END = 2
export const PARENT = 4
export const ROOT = 8

/** Also the first chaining value of every chunk and parent. */
export const IV = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)

const ROUNDS = 7
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
const SCHEDULE = scheduleOf(ROUNDS)

/**
 * Replaces the chaining value `cv` by that of `cv` and the 16 words from `at` on; `length` of their bytes count, the
 * others are zero. `counter`: the chunk's number, 0 for a parent; below 2^32.
 */
export function compress(
  cv: Uint32Array,
  words: Uint32Array,
  at: number,
  counter: number,
  length: number,
  flags: number,
): void {
  let v0 = cv[0]! | 0
  let v1 = cv[1]! | 0
  let v2 = cv[2]! | 0
  let v3 = cv[3]! | 0
  let v4 = cv[4]! | 0
  let v5 = cv[5]! | 0
  let v6 = cv[6]! | 0
  let v7 = cv[7]! | 0
  let v8 = IV[0]! | 0
  let v9 = IV[1]! | 0
  let v10 = IV[2]! | 0
  let v11 = IV[3]! | 0
  let v12 = counter | 0
  let v13 = 0
  let v14 = length
  let v15 = flags
  for (let round = 0; round < SCHEDULE.length; round += 16) {
    // Columns: G(0, 4, 8, 12), G(1, 5, 9, 13), G(2, 6, 10, 14), G(3, 7, 11, 15).
    v0 = (v0 + v4 + words[at + SCHEDULE[round]!]!) | 0
    v12 = rotate16(v12 ^ v0)
    v8 = (v8 + v12) | 0
    v4 = rotate12(v4 ^ v8)
    v0 = (v0 + v4 + words[at + SCHEDULE[round + 1]!]!) | 0
    v12 = rotate8(v12 ^ v0)
    v8 = (v8 + v12) | 0
    v4 = rotate7(v4 ^ v8)

    v1 = (v1 + v5 + words[at + SCHEDULE[round + 2]!]!) | 0
    v13 = rotate16(v13 ^ v1)
    v9 = (v9 + v13) | 0
    v5 = rotate12(v5 ^ v9)
    v1 = (v1 + v5 + words[at + SCHEDULE[round + 3]!]!) | 0
    v13 = rotate8(v13 ^ v1)
    v9 = (v9 + v13) | 0
    v5 = rotate7(v5 ^ v9)

    v2 = (v2 + v6 + words[at + SCHEDULE[round + 4]!]!) | 0
    v14 = rotate16(v14 ^ v2)
    v10 = (v10 + v14) | 0
    v6 = rotate12(v6 ^ v10)
    v2 = (v2 + v6 + words[at + SCHEDULE[round + 5]!]!) | 0
    v14 = rotate8(v14 ^ v2)
    v10 = (v10 + v14) | 0
    v6 = rotate7(v6 ^ v10)

    v3 = (v3 + v7 + words[at + SCHEDULE[round + 6]!]!) | 0
    v15 = rotate16(v15 ^ v3)
    v11 = (v11 + v15) | 0
    v7 = rotate12(v7 ^ v11)
    v3 = (v3 + v7 + words[at + SCHEDULE[round + 7]!]!) | 0
    v15 = rotate8(v15 ^ v3)
    v11 = (v11 + v15) | 0
    v7 = rotate7(v7 ^ v11)

    // Diagonals: G(0, 5, 10, 15), G(1, 6, 11, 12), G(2, 7, 8, 13), G(3, 4, 9, 14).
    v0 = (v0 + v5 + words[at + SCHEDULE[round + 8]!]!) | 0
    v15 = rotate16(v15 ^ v0)
    v10 = (v10 + v15) | 0
    v5 = rotate12(v5 ^ v10)
    v0 = (v0 + v5 + words[at + SCHEDULE[round + 9]!]!) | 0
    v15 = rotate8(v15 ^ v0)
    v10 = (v10 + v15) | 0
    v5 = rotate7(v5 ^ v10)

    v1 = (v1 + v6 + words[at + SCHEDULE[round + 10]!]!) | 0
    v12 = rotate16(v12 ^ v1)
    v11 = (v11 + v12) | 0
    v6 = rotate12(v6 ^ v11)
    v1 = (v1 + v6 + words[at + SCHEDULE[round + 11]!]!) | 0
    v12 = rotate8(v12 ^ v1)
    v11 = (v11 + v12) | 0
    v6 = rotate7(v6 ^ v11)

    v2 = (v2 + v7 + words[at + SCHEDULE[round + 12]!]!) | 0
    v13 = rotate16(v13 ^ v2)
    v8 = (v8 + v13) | 0
    v7 = rotate12(v7 ^ v8)
    v2 = (v2 + v7 + words[at + SCHEDULE[round + 13]!]!) | 0
    v13 = rotate8(v13 ^ v2)
    v8 = (v8 + v13) | 0
    v7 = rotate7(v7 ^ v8)

    v3 = (v3 + v4 + words[at + SCHEDULE[round + 14]!]!) | 0
    v14 = rotate16(v14 ^ v3)
    v9 = (v9 + v14) | 0
    v4 = rotate12(v4 ^ v9)
    v3 = (v3 + v4 + words[at + SCHEDULE[round + 15]!]!) | 0
    v14 = rotate8(v14 ^ v3)
    v9 = (v9 + v14) | 0
    v4 = rotate7(v4 ^ v9)
  }
  cv[0] = v0 ^ v8
  cv[1] = v1 ^ v9
  cv[2] = v2 ^ v10
  cv[3] = v3 ^ v11
  cv[4] = v4 ^ v12
  cv[5] = v5 ^ v13
  cv[6] = v6 ^ v14
  cv[7] = v7 ^ v15
}

function rotate16(word: number): number {
  return (word >>> 16) | (word << 16)
}

function rotate12(word: number): number {
  return (word >>> 12) | (word << 20)
}

function rotate8(word: number): number {
  return (word >>> 8) | (word << 24)
}

function rotate7(word: number): number {
  return (word >>> 7) | (word << 25)
}

/** For each round, which word of the message goes where: the order of the round before it, permuted once more. */
function scheduleOf(rounds: number): Uint8Array {
  let order = Array.from({ length: 16 }, (_, index) => index)
  const schedule: number[] = []
  for (let round = 0; round < rounds; round++) {
    schedule.push(...order)
    order = PERMUTATION.map((from) => order[from]!)
  }
  return Uint8Array.from(schedule)
}
