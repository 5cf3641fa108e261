import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { formatDefinition, MANAGERS, type ServiceDefinition } from '../../../../src/cli/service/definition.ts'
import { runOk } from '../../../e2e/support/process.ts'
import { program } from '../../../support/requirements.ts'

const STRANGE = `/a b/50% of $HOME/"it's"\\`
const definition: ServiceDefinition = {
  scope: 'user',
  home: `/home/me${STRANGE}`,
  passphraseFile: `/media/stick${STRANGE}`,
  command: [process.execPath, '/opt/dfs/bin/dfs.js'],
  folders: [
    { folder: `/home/me/cloud${STRANGE}`, mountpoint: undefined },
    { folder: '/home/me/work', mountpoint: '/mnt/work' },
  ],
  user: 'me',
}
const ARGUMENTS = ['daemon', '--mount', `/home/me/cloud${STRANGE}`, '--mount', '/home/me/work', '--at', '/mnt/work']

for (const scope of ['user', 'system'] as const) {
  test(`systemd finds no fault with the unit of a ${scope}`, { skip: program('systemd-analyze')() }, async (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'dfs-unit-'))
    t.after(() => rmSync(dir, { recursive: true }))
    const file = path.join(dir, 'dfs.service')
    writeFileSync(file, formatDefinition('systemd', { ...definition, scope }))
    // It has a runtime directory of its own, for it looks for units there, too.
    const env = { ...process.env, XDG_RUNTIME_DIR: dir, SYSTEMD_LOG_LEVEL: 'warning' }
    const flags = ['verify', '--man=no', `--${scope}`]
    assert.equal(await runOk('systemd-analyze', [...flags, file], { env }), '')
  })
}

test('a unit says all that keeps dfs alive and lets it end in order', () => {
  const text = formatDefinition('systemd', definition)
  for (const line of [
    'Type=notify',
    'NotifyAccess=main',
    'Restart=on-failure',
    'KillMode=mixed',
    'WantedBy=default.target',
  ])
    assert.ok(text.split('\n').includes(line), line)
  assert.match(text, /^WatchdogSec=\d+$/m)
  assert.match(text, /^TimeoutStopSec=\d+$/m)
  assert.doesNotMatch(text, /Protect|Private|NoNewPrivileges/, 'nothing that hides a mount or stops fusermount3')
})

test('what is special to systemd in a path is quoted', () => {
  const text = formatDefinition('systemd', definition)
  assert.match(text, /^Environment="DFS_HOME=\/home\/me\/a b\/50%% of \$HOME\/\\"it's\\"\\\\"$/m)
  assert.match(text, /"--mount" "\/home\/me\/cloud\/a b\/50%% of \$\$HOME\/\\"it's\\"\\\\"/)
})

test('a definition says where a passphrase is only if there is one', () => {
  for (const manager of MANAGERS) {
    assert.match(formatDefinition(manager, definition), /DFS_PASSPHRASE_FILE/)
    assert.doesNotMatch(formatDefinition(manager, { ...definition, passphraseFile: undefined }), /PASSPHRASE/)
  }
})

test('the machine’s unit waits for the disks, but not for its own mounts', () => {
  const text = formatDefinition('systemd', { ...definition, scope: 'system', home: '/var/dfs' })
  assert.match(text, /^RequiresMountsFor="\/var\/dfs" "\/home\/me\/cloud\/.*" "\/mnt"$/m)
  assert.match(text, /^WantedBy=multi-user.target$/m)
})

test('runit runs the command with just these arguments', async () => {
  const script = formatDefinition('runit', definition).replace(
    'exec chpst',
    `chpst() { shift 4; printf '%s\\n' "$DFS_HOME" "$DFS_PASSPHRASE_FILE" "$@"; }; chpst`,
  )
  assert.deepEqual((await runOk('sh', ['-c', script])).split('\n').slice(0, -1), [
    definition.home,
    definition.passphraseFile,
    ...ARGUMENTS,
  ])
})

test('OpenRC runs the command with just these arguments', async () => {
  const said = `eval "set -- $supervise_daemon_args -- $command_args"; printf '%s\\n' "$command" "$command_user" "$@"`
  const script = `${formatDefinition('openrc', definition)}\n${said}`
  const lines = (await runOk('sh', ['-c', script])).split('\n').slice(0, -1)
  const [program = '', ...rest] = definition.command
  assert.deepEqual(lines, [
    ...[program, 'me', '--env', `DFS_HOME=${definition.home}`],
    ...['--env', `DFS_PASSPHRASE_FILE=${definition.passphraseFile}`, '--', ...rest, ...ARGUMENTS],
  ])
})
