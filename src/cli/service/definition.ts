/**
 * What a service manager has to know to run dfs, as files for systemd, OpenRC and runit. Pure: nothing is looked up here.
 *
 * No option that gives a service a file system view of its own (ProtectHome=, PrivateTmp= and the like): the mount would be seen
 * by nobody else. Nor NoNewPrivileges= for ordinary users: fusermount3 could not mount.
 */
import path from 'node:path'
import type { ServedFolder } from './serve.ts'

export const MANAGERS = ['systemd', 'openrc', 'runit'] as const
export type Manager = (typeof MANAGERS)[number]

/** By whom it is run: the one user who installs it, or the machine. */
export type Scope = 'user' | 'system'

export interface ServiceDefinition {
  readonly scope: Scope
  /** The home of dfs. */
  readonly home: string
  /** Where the passphrase of the keys is, if they are under one: a service cannot be asked. */
  readonly passphraseFile: string | undefined
  /** What starts dfs, before its own arguments: absolute paths. */
  readonly command: readonly string[]
  readonly folders: readonly ServedFolder[]
  /** Whom the machine is to run it as; of no meaning where a user does. */
  readonly user: string
}

/** The first line of what is written: only a file that has it is replaced or removed. */
export const MARK = '# Written by "dfs service install", which writes it anew: changes made here are lost.'

/** To store what is dirty when it is told to stop; and to go on from a long journal when it starts. */
const LONG_SECONDS = 300
const WATCHDOG_SECONDS = 120
/** Exit codes after which trying again is of no use: usage, no home, damaged or newer, wrong key or passphrase, none given. */
const FINAL_CODES = [2, 3, 8, 9, 12]

export function formatDefinition(manager: Manager, definition: ServiceDefinition): string {
  return { systemd: formatSystemd, openrc: formatOpenrc, runit: formatRunit }[manager](definition)
}

function formatSystemd(definition: ServiceDefinition): string {
  const { scope, home, folders } = definition
  const places = [home, ...folders.map(({ folder, mountpoint }) => path.dirname(mountpoint ?? folder))]
  const machine =
    scope === 'system'
      ? [
          'After=network.target local-fs.target',
          // The folders' parents: with the folders themselves it would end when its own mounts do.
          `RequiresMountsFor=${[...new Set(places)].map(quoteSystemd).join(' ')}`,
        ]
      : []
  return lines(
    MARK,
    '[Unit]',
    'Description=dfs, an encrypted file store',
    'Documentation=man:dfs(1)',
    ...machine,
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=main',
    ...environmentOf(definition).map((variable) => `Environment=${quoteSystemd(variable)}`),
    `ExecStart=${argumentsOf(definition).map(quoteArgument).join(' ')}`,
    `TimeoutStartSec=${LONG_SECONDS}`,
    '# To stop is to store everything that was written.',
    `TimeoutStopSec=${LONG_SECONDS}`,
    'KillMode=mixed',
    `WatchdogSec=${WATCHDOG_SECONDS}`,
    'Restart=on-failure',
    'RestartSec=5',
    `RestartPreventExitStatus=${FINAL_CODES.join(' ')}`,
    '',
    '[Install]',
    `WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}`,
  )
}

function formatOpenrc(definition: ServiceDefinition): string {
  const [program = '', ...rest] = argumentsOf(definition)
  return lines(
    '#!/sbin/openrc-run',
    MARK,
    'name=dfs',
    'description="dfs, an encrypted file store"',
    'supervisor=supervise-daemon',
    `command=${quoteShell(program)}`,
    // It is read by the shell a second time.
    `command_args=${quoteShell(rest.map(quoteShell).join(' '))}`,
    `command_user=${quoteShell(definition.user)}`,
    `supervise_daemon_args=${quoteShell(
      environmentOf(definition)
        .map((variable) => `--env ${quoteShell(variable)}`)
        .join(' '),
    )}`,
    'respawn_delay=5',
    '# To stop is to store everything that was written.',
    `retry=SIGTERM/${LONG_SECONDS}`,
    '',
    'depend() {',
    '  need localmount',
    '  after net modules',
    '}',
  )
}

function formatRunit(definition: ServiceDefinition): string {
  const { user } = definition
  return lines(
    '#!/bin/sh',
    MARK,
    `# In a directory of its own, as the file "run"; "sv -w ${LONG_SECONDS} stop" waits until everything is stored.`,
    'exec 2>&1',
    ...environmentOf(definition).map((variable) => `export ${quoteShell(variable)}`),
    `exec chpst -u ${quoteShell(user)} ${argumentsOf(definition).map(quoteShell).join(' ')}`,
  )
}

function environmentOf({ home, passphraseFile }: ServiceDefinition): string[] {
  return [`DFS_HOME=${home}`, ...(passphraseFile === undefined ? [] : [`DFS_PASSPHRASE_FILE=${passphraseFile}`])]
}

function argumentsOf({ command, folders }: ServiceDefinition): string[] {
  const mounts = folders.flatMap(({ folder, mountpoint }) => [
    '--mount',
    folder,
    ...(mountpoint === undefined ? [] : ['--at', mountpoint]),
  ])
  return [...command, 'daemon', ...mounts]
}

/** One word of a setting, see systemd.syntax(7); `%` begins what systemd fills in. */
function quoteSystemd(text: string): string {
  const escaped = text
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll(/[\n\r\t]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${escaped}"`
}

/** One argument of a command, in which variables are filled in, too. */
function quoteArgument(text: string): string {
  return quoteSystemd(text).replaceAll('$', '$$$$')
}

/** One word for sh. */
function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
