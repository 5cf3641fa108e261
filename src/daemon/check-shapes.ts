/** What `verify` and `doctor` found, as the control socket tells it. */

export interface VerifyResult {
  /** How many blocks were read. */
  blocks: number
  /** How many are not here, and another device is bound to hold them. */
  elsewhere: number
  /** How many were fetched anew, and are whole here now. */
  repaired: number
  damaged: DamagedBlock[]
  missing: DamagedBlock[]
  stubs: { path: string; why: string }[]
}

export interface DamagedBlock {
  cid: string
  /** Those that need it. */
  files: string[]
  /** Why it could not be repaired, with the mend, where that was tried. */
  why?: string
}

/** What one device proved. Blocks that others hold, too, count for each. */
export interface AuditedHolder {
  device: string
  name: string
  blocks: number
  good: number
  /** It does not have them, or not as they were: they are copied to others now. */
  failed: number
  unreachable: number
}

/** One finding of `dfs doctor`. */
export interface Check {
  /** What it is about. */
  area: 'machine' | 'home' | 'network'
  name: string
  status: 'ok' | 'warning' | 'problem'
  finding: string
  /** What to do about it, when there is something. */
  mend?: string
  /** A package of the system that mends it. */
  package?: string
}
