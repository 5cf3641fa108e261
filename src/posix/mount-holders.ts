/**
 * Who keeps a mount busy, from /proc.
 *
 * Asks nothing of the mounted file system and does not make this thread wait: its server may call this.
 */
import { open, readdir, readFile } from 'node:fs/promises'
import { O } from './files.ts'
import { type MountEntry, mountEntries } from './mount.ts'

export interface Holder {
  readonly pid: number
  /** The short name, as `ps -o comm` shows it. */
  readonly command: string
}

/**
 * The processes that use the topmost mount on `target` by working directory, root, program, open or mapped files.
 * Decided by the kernel's number of the mount, not by paths, so those who entered the directory before something was
 * mounted over it do not count. Finds those this user may look into; never this process itself.
 */
export async function holdersOf(target: string): Promise<Holder[]> {
  const mount = mountEntries().findLast((entry) => entry.target === target)
  if (mount === undefined) return []
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid)
  const holders: Holder[] = []
  for (const pid of pids) {
    if (await holds(pid, mount)) holders.push({ pid, command: (await contentOf(`/proc/${pid}/comm`)).trim() })
  }
  return holders
}

async function holds(pid: number, mount: MountEntry): Promise<boolean> {
  for (const link of ['cwd', 'root', 'exe']) {
    if ((await mountIdBehind(`/proc/${pid}/${link}`)) === mount.id) return true
  }
  const descriptors = await readdir(`/proc/${pid}/fdinfo`).catch(() => [])
  for (const descriptor of descriptors) {
    if (mountIdIn(await contentOf(`/proc/${pid}/fdinfo/${descriptor}`)) === mount.id) return true
  }
  return maps(await contentOf(`/proc/${pid}/maps`), mount.device)
}

/** The mount of what a link of /proc leads to: opened with O_PATH, which only names the object and asks it nothing. */
async function mountIdBehind(link: string): Promise<number | undefined> {
  const handle = await open(link, O.PATH).catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    return mountIdIn(await contentOf(`/proc/self/fdinfo/${handle.fd}`))
  } finally {
    await handle.close()
  }
}

function mountIdIn(fdinfo: string): number | undefined {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(fdinfo) ?? []
  return id === undefined ? undefined : Number(id)
}

/** Whether a line of /proc/PID/maps is of this device; there its numbers are hexadecimal. */
function maps(text: string, device: string): boolean {
  const [major = 0, minor = 0] = device.split(':').map(Number)
  return text.split('\n').some((line) => {
    const [lineMajor = '', lineMinor = ''] = line.split(' ')[3]?.split(':') ?? []
    return Number.parseInt(lineMajor, 16) === major && Number.parseInt(lineMinor, 16) === minor
  })
}

/** Empty for what is gone or closed to this user: processes come and go while we look. */
function contentOf(path: string): Promise<string> {
  return readFile(path, 'latin1').catch(() => '')
}
