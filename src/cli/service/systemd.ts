/** systemd, asked through its own commands: of the user, or of the machine. */
import { execFile } from 'node:child_process'
import { homedir, userInfo } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { DfsError } from '../../errors.ts'
import type { Scope } from './definition.ts'

/** To start and to stop a service may take as long as its definition says. */
const DEADLINE_MS = 330_000

export class Systemd {
  readonly scope: Scope
  readonly #env: NodeJS.ProcessEnv

  /** Fails with `unsupported` where it does not run, or not for this user. */
  static async connect(scope: Scope, env: NodeJS.ProcessEnv): Promise<Systemd> {
    const systemd = new Systemd(scope, env)
    const { stdout, stderr } = await systemd.#run('systemctl', [...systemd.#flags, 'is-system-running'])
    const state = stdout.trim()
    if (['', 'offline', 'unknown'].includes(state)) throw notThere(scope, stderr.trim())
    return systemd
  }

  private constructor(scope: Scope, env: NodeJS.ProcessEnv) {
    this.scope = scope
    this.#env = env
  }

  /** Where the definition of a service is, or is to be. */
  fileOf(name: string): string {
    return path.join(this.#directory, `${name}.service`)
  }

  /** Runs `systemctl` with these arguments. Fails with `io` and its own words if it fails. */
  async control(...args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.#run('systemctl', [...this.#flags, ...args])
    if (code === 0) return
    const [words = ''] = stderr.trim().split('\n')
    throw new DfsError('io', `systemctl ${args.join(' ')} failed: ${words || `exit code ${code}`}`, {
      mend: `see "${this.journal(args.at(-1) ?? '')}"`,
    })
  }

  async isActive(name: string): Promise<boolean> {
    const { stdout } = await this.#run('systemctl', [...this.#flags, 'is-active', name])
    return ['active', 'activating', 'reloading'].includes(stdout.trim())
  }

  async isEnabled(name: string): Promise<boolean> {
    const { stdout } = await this.#run('systemctl', [...this.#flags, 'is-enabled', name])
    return stdout.trim() === 'enabled'
  }

  /** Whether this user's services run without a login. */
  async lingers(): Promise<boolean> {
    const { stdout } = await this.#run('loginctl', ['show-user', userInfo().username, '--property=Linger', '--value'])
    return stdout.trim() === 'yes'
  }

  /** Has this user's services run without a login. Fails with `not-permitted`. */
  async linger(): Promise<void> {
    const { code, stderr } = await this.#run('loginctl', ['enable-linger'])
    if (code === 0) return
    throw new DfsError('not-permitted', `loginctl enable-linger failed: ${stderr.trim()}`, {
      mend: `run "loginctl enable-linger ${userInfo().username}" as root`,
    })
  }

  /** The commands by which a person looks after a service. */
  status(name: string): string {
    return ['systemctl', ...this.#flags, 'status', name].join(' ')
  }

  journal(name: string): string {
    return ['journalctl', ...this.#flags, '-u', name].join(' ')
  }

  get #flags(): string[] {
    return this.scope === 'user' ? ['--user'] : []
  }

  get #directory(): string {
    if (this.scope === 'system') return '/etc/systemd/system'
    const { XDG_CONFIG_HOME: config, HOME: home } = this.#env
    const base = config !== undefined && path.isAbsolute(config) ? config : path.join(home ?? homedir(), '.config')
    return path.join(base, 'systemd', 'user')
  }

  async #run(program: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    try {
      const options = { env: { ...this.#env, LC_ALL: 'C', SYSTEMD_COLORS: '0' }, timeout: DEADLINE_MS }
      return { code: 0, ...(await promisify(execFile)(program, args, options)) }
    } catch (cause) {
      const { code, stdout = '', stderr = '' } = cause as { code?: unknown; stdout?: string; stderr?: string }
      if (code === 'ENOENT') return { code: 127, stdout, stderr: `${program} is not there` }
      return { code: typeof code === 'number' ? code : 1, stdout, stderr }
    }
  }
}

function notThere(scope: Scope, why: string): DfsError {
  const detail = why === '' ? '' : ` (${why.split('\n')[0]})`
  const message =
    scope === 'user' ? `systemd does not run here for this user${detail}` : `systemd does not run here${detail}`
  return new DfsError('unsupported', message, {
    op: 'service',
    mend: '"dfs service install --print openrc" or "--print runit" shows what other service managers want',
  })
}
