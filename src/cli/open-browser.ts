/** Shows an address in the browser of the person who runs the command, where there is one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Whether a browser may come up: root has none, and a terminal from afar has no screen. */
export function mayOpenBrowser(
  env: NodeJS.ProcessEnv,
  { platform = process.platform, uid = process.getuid?.() } = {},
): boolean {
  if (uid === 0) return false
  return platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

/** Asks the desktop to; resolves with whether it could be asked. */
export async function openBrowser(address: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const child = spawn(program, [address], { env, stdio: 'ignore', detached: true })
  child.unref()
  return Promise.race([once(child, 'spawn').then(() => true), once(child, 'error').then(() => false)]).catch(
    () => false,
  )
}
