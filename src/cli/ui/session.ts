/**
 * Who may use the page: whoever opened the link first. Its token is good once; it is exchanged for a secret that the
 * browser keeps in a cookie for as long as it runs. Both are good for this run of `dfs ui` alone.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Owner } from './connection-owner.ts'

const SECRET_BYTES = 32

export class Session {
  readonly #cookieName: string
  readonly #secret = newSecret()
  #token: string | undefined = newSecret()
  #user: Owner

  /** `user`: who runs the page. Root runs no browser: that page comes to belong to whoever opens the link. */
  constructor(port: number, user: Owner = process.getuid?.() ?? 'unknown') {
    // Cookies of one address are sent to all its ports.
    this.#cookieName = `dfs-ui-${port}`
    this.#user = user === 0 ? 'unknown' : user
  }

  /** Whether a connection of this user may be answered. */
  belongsTo(user: Owner): boolean {
    return user === 'unknown' || this.#user === 'unknown' || user === this.#user
  }

  /** For the link; undefined once it was used. */
  get token(): string | undefined {
    return this.#token
  }

  /** The header that sets the cookie, for the first who has the token; undefined for all others. */
  exchange(token: string, user: Owner): string | undefined {
    if (this.#token === undefined || !isEqual(token, this.#token)) return undefined
    this.#token = undefined
    if (this.#user === 'unknown') this.#user = user
    return `${this.#cookieName}=${this.#secret}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** Whether a request with this `Cookie` header is of who used the link. */
  isOpenTo(cookies: string | undefined): boolean {
    const pairs = (cookies ?? '').split(';').map((pair) => pair.trim())
    return pairs.some((pair) => isEqual(pair, `${this.#cookieName}=${this.#secret}`))
  }
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

/** In a time that says nothing of where they differ. */
function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
