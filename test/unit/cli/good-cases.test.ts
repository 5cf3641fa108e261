/** Each command does what it is for, and a test through the command shows it. Its likely mistakes: e2e/cli/mistakes.test.ts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { App } from '../../../src/cli/app.ts'
import { createProgram } from '../../../src/cli/main.ts'

const E2E = path.resolve(import.meta.dirname, '..', '..', 'e2e')

/** By file, which of its tests has the good case of which commands. */
const SHOWN: Record<string, Record<string, readonly string[]>> = {
  'cli/completion.test.ts': { 'commands, options and their values are completed': ['completion'] },
  'cli/content.test.ts': {
    'add makes stubs, get and cat give the originals back, without a mount': ['add', 'get', 'cat'],
    'status counts files and bytes, mounted or not': ['status'],
    'verify names what is damaged and the files it hits': ['verify'],
    'gc deletes what nothing needs, and nothing while a folder is away': ['gc'],
    'history lists versions and restore brings one back': ['history', 'restore'],
  },
  'cli/daemon.test.ts': { 'a service stays until it is told to stop, and is the only one': ['daemon'] },
  'cli/doctor.test.ts': { 'a machine and a home in order are said to be, and nothing is left behind': ['doctor'] },
  'cli/init.test.ts': {
    'init makes a private home and shows the recovery kit, once by itself': ['init', 'id'],
    'recover brings a new home to the same owner, and leaves another home alone': ['recover'],
    'config shows, keeps and refuses settings': ['config'],
  },
  'cli/mount.test.ts': { 'an ordinary user mounts, writes and unmounts': ['mount', 'umount'] },
  'cli/pairing.test.ts': {
    'a device joins with a ticket, and reads what the other one has': ['invite', 'join', 'peers'],
    'a removed device is cut off and says so; the others go on with a new key': ['devices'],
  },
  'cli/passphrase.test.ts': { 'a passphrase is set, changed and removed later': ['passphrase'] },
  'cli/recovery.test.ts': {
    'recovery show gives the kit that init showed, but not to what is no terminal': ['recovery'],
  },
  'cli/service.test.ts': {
    'install hands what is mounted to systemd, once, and uninstall takes it back': ['service'],
  },
  'cli/setup.test.ts': { 'setup makes everything, and run again leaves it as it is': ['setup'] },
  'peers/folders.test.ts': {
    'folders are listed, had here by name, and left; a conflict is settled by keeping one version': [
      'folders',
      'conflicts',
    ],
  },
  'peers/replication.test.ts': {
    'what others come to hold is evicted, and read without a mount': ['wait', 'evict'],
    'space is free at once, but what is pinned stays; all opens again': ['pin'],
    'what was unpinned goes, and is brought back': ['unpin', 'hydrate'],
  },
  'ui/browser.test.ts': { 'a person and the page': ['ui'] },
}

test('every command has an end-to-end test of its good case', async () => {
  const shown = Object.values(SHOWN).flatMap((byTitle) => Object.values(byTitle).flat())
  const verbs = (await createProgram(new App(process))).commands.map((command) => command.name())
  assert.deepEqual(shown.toSorted(), verbs.toSorted())
})

test('these tests are there', () => {
  for (const [file, byTitle] of Object.entries(SHOWN)) {
    const source = readFileSync(path.join(E2E, file), 'utf8')
    for (const title of Object.keys(byTitle)) assert.ok(source.includes(`test('${title}'`), `${file}: ${title}`)
  }
})
