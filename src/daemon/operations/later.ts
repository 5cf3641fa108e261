/**
 * Operations that nobody who mounts a folder waits for: their code is loaded when they are asked for, or once a mount
 * stands. All of it then, so that a dfs that is replaced on disk while this daemon runs does not mix with it.
 */

export const later = {
  add: () => import('./add.ts'),
  conflicts: () => import('./conflicts.ts'),
  devices: () => import('./devices.ts'),
  evict: () => import('./evict.ts'),
  folders: () => import('./folders.ts'),
  gc: () => import('./gc.ts'),
  history: () => import('./history.ts'),
  hydrate: () => import('./hydrate.ts'),
  init: () => import('./init.ts'),
  invite: () => import('./invite.ts'),
  join: () => import('./join.ts'),
  list: () => import('./list.ts'),
  missingFiles: () => import('./missing-files.ts'),
  passphrase: () => import('./passphrase.ts'),
  read: () => import('./read.ts'),
  recover: () => import('./recover.ts'),
  recoveryKit: () => import('./recovery-kit.ts'),
  status: () => import('./status.ts'),
  verify: () => import('./verify.ts'),
  verifyPeers: () => import('./verify-peers.ts'),
  wait: () => import('./wait.ts'),
} as const

/** Never fails: whoever asks for what does not load will hear of it. */
export async function loadAll(): Promise<void> {
  for (const load of Object.values(later)) await load().catch(() => undefined)
}
